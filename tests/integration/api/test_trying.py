"""`POST /api/bots/{id}/try`: one line to a bot, every call as it was, and no secret."""

from collections.abc import Awaitable, Callable

from tests.integration.api.service import Service
from tests.servers.robot import RobotServer, reply_to

Opened = Callable[..., Awaitable[Service]]
SECRET = "tok-5f2a9c17"


def guarded(robot: RobotServer) -> dict[str, object]:
    return {
        "kind": "webhook",
        "preset": "robot-lesson",
        "base_url": robot.url,
        "headers": {"Authorization": "Bearer ${DUOLOGUE_BOT_TRIED}"},
    }


async def test_a_line_brings_every_call_with_its_secrets_masked_and_leaves_nothing(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(bots={"guarded": guarded(robot)}, DUOLOGUE_BOT_TRIED=SECRET)
    answer = await service.ask("POST", "/api/bots/guarded/try", {"message": "xin chào"})
    told = answer.json
    assert (told["ok"], told["bot_id"], told["error"]) == (True, "guarded", None)
    assert told["bubbles"] == [reply_to(1, "xin chào")]
    assert told["parts"] == []
    opening, turn = told["calls"]
    assert (opening["status"], turn["status"], turn["method"]) == (200, 200, "POST")
    assert turn["headers"]["Authorization"] == "***"
    assert "xin chào" in turn["sent"]
    assert SECRET not in answer.text
    assert robot.calls[0].conversation_id is not None
    assert (await service.get("/api/conversations"))["conversations"] == []


async def test_a_bot_that_fails_or_is_not_ready_is_no_error_of_the_request(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(bots={"guarded": guarded(robot), "a": guarded(robot)})
    told = await service.post("/api/bots/guarded/try", {"message": "x"})
    assert (told["ok"], told["code"], told["calls"]) == (False, "not_ready", [])
    robot.fail("status", status=500, op="turn")
    told = await service.post("/api/bots/16/try", {"message": "x"})
    assert (told["ok"], told["code"]) == (False, "bot_http_error")
    assert told["bubbles"] == []
    assert (await service.ask("POST", "/api/bots/none/try", {"message": "x"})).status == 404
    assert (await service.ask("POST", "/api/bots/16/try", {})).status == 422


async def test_only_an_administrator_sees_what_a_bot_is_sent(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(api_keys="admin-key", client_keys="lan=lan-key")
    for key, status in (("lan-key", 403), ("admin-key", 200)):
        headers = {"X-API-Key": key}
        answer = await service.ask(
            "POST", "/api/bots/16/try", {"message": "xin chào"}, headers=headers
        )
        assert answer.status == status

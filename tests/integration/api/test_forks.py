"""Forks and checkpoints: another way from any message, the parent untouched."""

from collections.abc import Awaitable, Callable

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, line_of, write_lines
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer, reply_to

Opened = Callable[..., Awaitable[Service]]


async def test_a_fork_replays_into_a_fresh_session_of_the_bot(
    service: Service, robot: RobotServer
) -> None:
    parent = await service.begin(3)
    before = await service.until(parent, "completed")
    forked = await service.ask(
        "POST", f"/api/conversations/{parent}/forks", {"index": 3, "max_turns": 4}
    )
    assert forked.status == 201
    told = forked.json
    id = told["conversation_id"]
    assert forked.headers["Location"] == f"/api/conversations/{id}"
    assert (told["parent_id"], told["index"], told["status"]) == (parent, 3, "created")
    assert "2 recorded user lines" in told["warnings"][0]
    await service.run(id)
    done = await service.until(id, "completed")
    whole = [said for n in range(1, 4) for said in (line_of(n), reply_to(n, line_of(n)))]
    assert [line["content"] for line in done["history"]][:6] == whole
    assert len(done["history"]) == 8
    assert done["forked_at"] == 3
    assert robot.heard(id)[:3] == write_lines(3)
    heard = Heard.of(await service.follow(id))
    heard.must_be(done["history"])
    assert "replaying" in heard.statuses
    assert "diverged" not in heard.statuses
    after = await service.show(parent)
    assert after["children"] == [id]
    assert after["history"] == before["history"]
    assert len(robot.of(parent)) == 3


async def test_a_bot_that_answers_otherwise_now_is_told_as_diverged(
    service: Service, robot: RobotServer
) -> None:
    parent = await service.begin(3)
    await service.until(parent, "completed")
    forked = await service.post(f"/api/conversations/{parent}/forks", {"index": 5})
    id = forked["conversation_id"]
    robot.fail("text", text="Hôm nay khác rồi!", turn=2, conversation=id)
    frames = await service.frames(f"/api/conversations/{id}/runs", {})
    told = [frame.data for frame in frames if frame.data.get("status") == "diverged"]
    assert len(told) == 1
    assert told[0]["index"] == 3
    assert told[0]["recorded"] == reply_to(2, line_of(2))
    assert told[0]["replied"] == "Hôm nay khác rồi!"
    done = await service.show(id)
    assert done["history"][3]["content"] == reply_to(2, line_of(2))


async def test_a_replay_goes_on_after_kill9_where_it_was(
    service: Service, robot: RobotServer
) -> None:
    robot.set(honour_keys=True)
    parent = await service.begin(4)
    await service.until(parent, "completed")
    id = (await service.post(f"/api/conversations/{parent}/forks", {"index": 7}))["conversation_id"]
    robot.set(delay=0.2)
    await service.run(id)
    while len(robot.of(id)) < 3:
        await service.show(id)
    await service.restart()
    done = await service.until(id, "completed")
    assert robot.heard(id)[:4] == write_lines(4)
    assert [call.key for call in robot.of(id)].count(f"{id}:1") == 1
    Heard.of(await service.follow(id)).must_be(done["history"])


async def test_a_fork_from_the_first_line_with_another_message(
    service: Service, robot: RobotServer
) -> None:
    parent = await service.begin(2)
    await service.until(parent, "completed")
    body = {"index": 1, "message": "Khác đi", "max_turns": 2}
    forked = await service.post(f"/api/conversations/{parent}/forks", body)
    id = forked["conversation_id"]
    await service.run(id)
    history = (await service.until(id, "completed"))["history"]
    said = [line["content"] for line in history]
    assert said[:4] == [line_of(1), reply_to(1, line_of(1)), "Khác đi", reply_to(2, "Khác đi")]
    assert history[2]["origin"] == "human"
    empty = await service.post(f"/api/conversations/{parent}/forks", {"index": -1})
    assert empty["warnings"] == []
    await service.run(empty["conversation_id"])
    done = await service.until(empty["conversation_id"], "completed")
    assert done["history"][0]["content"] == line_of(1)


async def test_a_fork_to_another_bot(opened: Opened, llm: LlmServer, robot: RobotServer) -> None:
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "mock-model", "api_key": "k"}
    service = await opened(bots={"talker": talker})
    parent = await service.begin(2)
    await service.until(parent, "completed")
    body = {"index": 1, "bot_id": "talker"}
    forked = await service.post(f"/api/conversations/{parent}/forks", body)
    assert forked["warnings"] == []
    await service.run(forked["conversation_id"])
    done = await service.until(forked["conversation_id"], "completed")
    assert done["bot_id"] == "talker"
    assert llm.calls[0].messages[-2]["content"] == reply_to(1, line_of(1))
    assert len(robot.calls) == 3


async def test_every_checkpoint_can_be_forked(service: Service) -> None:
    parent = await service.begin(2)
    history = (await service.until(parent, "completed"))["history"]
    path = f"/api/conversations/{parent}"
    found = (await service.get(f"{path}/checkpoints"))["checkpoints"]
    assert [one["index"] for one in found] == sorted((one["index"] for one in found), reverse=True)
    assert {one["index"] for one in found} >= set(range(4))
    for one in found:
        asked = {"checkpoint_id": one["checkpoint_id"]}
        forked = await service.post(f"{path}/forks", asked)
        shown = await service.show(forked["conversation_id"])
        said = [line["content"] for line in shown["history"]]
        assert said == [line["content"] for line in history][: one["index"] + 1]


async def test_a_fork_that_does_not_fit_names_its_field(service: Service) -> None:
    parent = await service.begin(1)
    await service.until(parent, "completed")
    path = f"/api/conversations/{parent}/forks"
    for status, body, field in (
        (409, {"index": 2}, "index"),
        (422, {"index": -2}, "index"),
        (422, {"index": 0, "checkpoint_id": "x"}, "checkpoint_id"),
        (409, {"checkpoint_id": "1efb5c3a-0000-6000-8000-000000000000"}, "checkpoint_id"),
        (409, {"index": 0, "message": "a"}, "message"),
        (422, {"bot_id": "none"}, "bot_id"),
        (422, {"persona": "none"}, "persona"),
        (422, {"max_turns": 0}, "max_turns"),
        (422, {"colour": "red"}, "colour"),
    ):
        answer = await service.ask("POST", path, body)
        assert (answer.status, answer.json.get("field")) == (status, field), (body, answer.text)


async def test_a_fork_belongs_to_its_parents_client_and_one_key_makes_one(
    service: Service,
) -> None:
    parent = await service.make(1, client_id="lan")
    path = f"/api/conversations/{parent}/forks"
    assert (await service.ask("POST", path, {})).status == 403
    headers = {"Idempotency-Key": "fork-1"}
    one = await service.post(path, {"client_id": "lan"}, headers=headers)
    two = await service.post(path, {"client_id": "lan"}, headers=headers)
    assert one["conversation_id"] == two["conversation_id"]
    other = await service.ask("POST", path, {"client_id": "lan", "index": -1}, headers=headers)
    assert other.status == 422
    shown = await service.ask("GET", f"/api/conversations/{one['conversation_id']}")
    assert shown.status == 403

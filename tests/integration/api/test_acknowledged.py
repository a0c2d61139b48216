"""What was answered or told is on disk: kill -9 the moment after, start again, and look."""

from collections.abc import Awaitable, Callable

from tests.integration.api.service import Service, events_of, line_of
from tests.servers.robot import RobotServer, reply_to
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]


async def test_every_message_that_was_told_is_there(opened: Opened, robot: RobotServer) -> None:
    service = await opened(resume_on_start="false")
    robot.set(honour_keys=True)
    for told in (1, 2, 5, 8):
        id = await service.make(5)
        texts: list[str] = []
        async with service.stream(f"/api/conversations/{id}/runs", {}) as stream:
            while len(texts) < told:
                texts.append((await stream.until("message")).data["text"])
            service.process.kill9()
        await service.restart()
        shown = await service.show(id)
        assert [line["content"] for line in shown["history"]][:told] == texts
        assert shown["turn"] >= told // 2
        assert shown["status"] in ("interrupted", "completed")


async def test_a_person_who_was_heard_gets_the_reply_after_the_kill(
    service: Service, robot: RobotServer
) -> None:
    robot.set(honour_keys=True)
    held = robot.fail("hold", turn=2, times=1)
    id = (await service.post("/session", {}))["session_id"]
    await service.frames("/chat/stream", {"session_id": id, "message": "một"})
    async with service.stream("/chat/stream", {"session_id": id, "message": "hai"}) as stream:
        heard = await stream.until("message", role="user")
        await wait_until(lambda: held.fired)
        service.process.kill9()
    await service.restart()
    done = await service.until(id, "waiting")
    said = [line["content"] for line in done["history"]]
    assert said == ["một", reply_to(1, "một"), "hai", reply_to(2, "hai")]
    frames = await service.frames(
        "/chat/stream", {"session_id": id, "message": "ba"}, headers={"Last-Event-ID": heard.id}
    )
    assert frames[-1].data["status"] == "waiting"
    assert robot.heard(id) == ["một", "hai", "ba"]


async def test_what_was_stopped_stays_stopped(service: Service, robot: RobotServer) -> None:
    held = robot.fail("hang", turn=2, times=1)
    id = await service.begin(3)
    await wait_until(lambda: held.fired)
    await service.post(f"/api/conversations/{id}/stop", {})
    await service.restart()
    shown = await service.show(id)
    assert (shown["status"], shown["end_reason"]) == ("stopped", "stopped")
    assert len(robot.of(id)) == 2


async def test_what_was_changed_forked_or_deleted_is_so(
    service: Service, robot: RobotServer
) -> None:
    id, gone = await service.make(5), await service.make(1)
    changed = {"seat": "human", "max_turns": 2, "user_prompt": "khác"}
    assert (await service.ask("PATCH", f"/api/conversations/{id}", changed)).status == 200
    await service.restart()
    shown = await service.show(id)
    assert {name: shown[name] for name in changed} == changed
    fork = (await service.post(f"/api/conversations/{id}/forks", {}))["conversation_id"]
    await service.restart()
    assert (await service.show(fork))["parent_id"] == id
    assert (await service.ask("DELETE", f"/api/conversations/{gone}")).status == 204
    await service.restart()
    assert (await service.ask("GET", f"/api/conversations/{gone}")).status == 404
    frames = await service.frames(f"/api/conversations/{id}/messages", {"content": line_of(1)})
    assert frames[-1].data["status"] == "waiting"
    assert robot.heard(id) == [line_of(1)]


async def test_an_accepted_run_is_gone_on_with(service: Service, robot: RobotServer) -> None:
    for _ in range(5):
        id = await service.begin(2)
        await service.restart()
        done = await service.until(id, "completed")
        assert [line["content"] for line in done["history"][::2]] == [line_of(1), line_of(2)]
        assert len(robot.of(id, "init")) <= 2


async def test_an_error_that_was_told_is_not_resumed_by_a_restart(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("status", status=404, turn=2)
    id = await service.begin(3)
    await service.until(id, "interrupted")
    calls = len(robot.calls)
    await service.restart()
    shown = await service.show(id)
    assert (shown["status"], shown["error"]["code"]) == ("interrupted", "bot_http_error")
    frames = await service.frames(events_of(id))
    assert [frame.event for frame in frames][-2:] == ["error", "done"]
    assert len(robot.calls) == calls

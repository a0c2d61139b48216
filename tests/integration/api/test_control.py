"""Start, stop, resume: one run a conversation, whoever asks and whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, line_of, write_lines
from tests.servers.robot import RobotServer, reply_to
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
ASYNC = {"Prefer": "respond-async"}


async def test_of_two_starts_at_once_one_runs_and_one_is_told_where(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1)
    id = await service.make(2)
    path = f"/api/conversations/{id}/runs"
    answers = await asyncio.gather(
        *(service.ask("POST", path, {}, headers=ASYNC) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409]
    for answer in answers:
        assert answer.headers["Location"].startswith(f"/api/conversations/{id}")
        if answer.status == 409:
            assert answer.headers["Content-Type"] == "application/problem+json"
    await wait_until(lambda: len(robot.of(id)) == 1)
    robot.release()
    await service.until(id, "completed")
    assert [call.key for call in robot.of(id)] == [f"{id}:1", f"{id}:2"]
    assert len(robot.of(id, "init")) == 1


async def test_resume_messages_and_runs_are_refused_while_it_runs(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=1)
    id = await service.begin(2)
    await wait_until(lambda: held.fired)
    for path, body in (("resume", {}), ("runs", {}), ("messages", {"content": "a"})):
        answer = await service.ask("POST", f"/api/conversations/{id}/{path}", body)
        assert answer.status == 409, path
        assert answer.headers["Location"] == f"/api/conversations/{id}"
    robot.release()
    await service.until(id, "completed")


async def test_a_stop_does_not_wait_for_a_bot_that_hangs(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("hang", turn=2)
    id = await service.begin(3)
    listening = asyncio.ensure_future(service.frames(f"/api/conversations/{id}/events"))
    await wait_until(lambda: len(robot.of(id)) == 2)
    began = monotonic()
    stopped = await service.post(f"/api/conversations/{id}/stop", {})
    assert monotonic() - began < 15
    assert (stopped["status"], stopped["end_reason"]) == ("stopped", "stopped")
    again = await service.post(f"/api/conversations/{id}/stop")
    assert again == stopped
    heard = Heard.of(await listening)
    assert heard.done[0]["end_reason"] == "stopped"
    assert "stopping" in heard.statuses
    assert not heard.errors
    await wait_until(lambda: robot.of(id)[1].left_at is not None)
    robot.faults.clear()
    await service.post(f"/api/conversations/{id}/resume", {}, headers=ASYNC)
    history = (await service.until(id, "completed"))["history"]
    assert [line["content"] for line in history[::2]] == write_lines(3)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 2, 3)]


async def test_stop_before_the_first_run_and_after_the_end(service: Service) -> None:
    id = await service.make(1)
    stopped = await service.post(f"/api/conversations/{id}/stop", {})
    assert stopped["status"] == "stopped"
    await service.post(f"/api/conversations/{id}/resume", {}, headers=ASYNC)
    await service.until(id, "completed")
    after = await service.post(f"/api/conversations/{id}/stop", {})
    assert (after["status"], after["end_reason"]) == ("completed", "max_turns")


async def test_three_runs_in_flight_at_a_kill_all_finish(
    service: Service, robot: RobotServer
) -> None:
    robot.set(honour_keys=True)
    held = robot.fail("hold", turn=2, times=3)
    ids = [await service.begin(3) for _ in range(3)]
    await wait_until(lambda: held.fired == 3)
    await service.restart()
    for id in ids:
        done = await service.until(id, "completed")
        said = [line["content"] for line in done["history"]]
        assert said == [s for n in (1, 2, 3) for s in (line_of(n), reply_to(n, line_of(n)))]
        assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 2, 3)]


async def test_without_resume_on_start_a_killed_run_is_interrupted_at_once(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(resume_on_start="false")
    robot.fail("hold", turn=2, times=1)
    id = await service.begin(3)
    await wait_until(lambda: len(robot.of(id)) == 2)
    await service.restart()
    assert (await service.show(id))["status"] == "interrupted"
    page = await service.get("/api/conversations", params={"status": "running"})
    assert page["conversations"] == []
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/resume", {}))
    assert heard.done[0]["status"] == "completed"
    assert [line["content"] for line in (await service.show(id))["history"][::2]] == write_lines(3)


async def test_resuming_what_has_ended_calls_nobody(service: Service, robot: RobotServer) -> None:
    id = await service.begin(2)
    before = await service.until(id, "completed")
    calls = len(robot.calls)
    frames = await service.frames(f"/api/conversations/{id}/resume", {})
    assert [frame.event for frame in frames] == ["done"]
    await service.restart()
    await service.frames(f"/api/conversations/{id}/resume", {})
    assert len(robot.calls) == calls
    assert (await service.show(id))["history"] == before["history"]


async def test_the_turn_in_flight_by_each_policy(opened: Opened, robot: RobotServer) -> None:
    service = await opened(resume_on_start="false")
    for policy in ("retry", "accept", "ask"):
        robot.faults.clear()
        held = robot.fail("hold", turn=2, times=1)
        id = await service.begin(3, in_flight=policy)
        await wait_until(lambda held=held: held.fired == 1)
        await service.restart()
        path = f"/api/conversations/{id}/resume"
        if policy == "ask":
            refused = await service.ask("POST", path, {})
            assert refused.status == 409
            assert refused.json["turn"] == 2
            await service.frames(path, {"in_flight": "accept"})
        else:
            await service.frames(path, {})
        keys = [call.key for call in robot.of(id)]
        again = [f"{id}:2"] if policy == "retry" else []
        assert keys == [f"{id}:1", f"{id}:2", *again, f"{id}:3"]
        done = await service.show(id)
        assert (done["status"], done["turn"]) == ("completed", 3)


async def test_turns_are_gone_on_with_after_the_end(service: Service, robot: RobotServer) -> None:
    id = await service.begin(1)
    await service.until(id, "completed")
    refused = await service.ask("POST", f"/api/conversations/{id}/runs", {})
    assert refused.status == 409
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/runs", {"turns": 2}))
    assert heard.done[0]["turns"] == 3
    assert len((await service.show(id))["history"]) == 6
    assert len(robot.of(id)) == 3


async def test_one_idempotency_key_makes_one_conversation(service: Service) -> None:
    made = (("/api/conversations", "conversation_id"), ("/session", "session_id"))
    for path, name in made:
        headers = {"Idempotency-Key": f"once-only{path}"}
        body = {"bot_id": 16, "max_turns": 2}
        at_once = [service.post(path, body, headers=headers) for _ in range(5)]
        ids = {answer[name] for answer in await asyncio.gather(*at_once)}
        assert len(ids) == 1, path
        other = await service.ask("POST", path, {**body, "max_turns": 3}, headers=headers)
        assert other.status == 422
        assert other.json["type"] == "urn:duologue:idempotency-key-reused"
    whole: list[Any] = (await service.get("/api/conversations"))["conversations"]
    assert len(whole) == len(made)


async def test_a_key_is_kept_over_a_kill(service: Service) -> None:
    headers = {"Idempotency-Key": "abc"}
    body = {"bot_id": 16, "max_turns": 2}
    first = await service.post("/api/conversations", body, headers=headers)
    await service.restart()
    again = await service.post("/api/conversations", body, headers=headers)
    assert again["conversation_id"] == first["conversation_id"]


async def test_simulate_twice_with_one_key_tells_one_run_twice(
    service: Service, robot: RobotServer
) -> None:
    robot.set(delay=0.05)
    headers = {"Idempotency-Key": "sim"}
    body = {"bot_id": 16, "max_turns": 2, "lines": write_lines(2)}
    answers = await asyncio.gather(
        *(service.ask("POST", "/simulate", body, headers=headers) for _ in range(3))
    )
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len([call for call in robot.calls if call.op == "turn"]) == 2


async def test_as_many_runs_as_are_allowed(opened: Opened, robot: RobotServer) -> None:
    service = await opened(max_open_runs="2")
    held = robot.fail("hold", turn=1)
    ids = [await service.begin(1) for _ in range(2)]
    await wait_until(lambda: held.fired == 2)
    third = await service.make(1)
    refused = await service.ask("POST", f"/api/conversations/{third}/runs", {})
    assert (refused.status, refused.json["type"]) == (503, "urn:duologue:limit")
    assert refused.headers["Retry-After"]
    assert (await service.show(third))["status"] == "created"
    robot.release()
    for id in ids:
        await service.until(id, "completed")
    await service.run(third)

"""Whatever ends a run, the conversation goes on from its last checkpoint, and is then exact."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.ends import Status
from core.errors import Busy, Conflict
from graph.runs.service import RunService
from tests.integration.engine.house import (
    House,
    assert_agreement,
    assert_exact,
    create,
    follow_to_end,
    read_lines,
    read_status,
    run_to_end,
    select_data,
    wait_for_rest,
)
from tests.servers.database import ON_POSTGRES
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


@asynccontextmanager
async def driver(house: House, robot: RobotServer, **scenario: Any) -> AsyncIterator[Process]:
    given = json.dumps({"user": "scripted", **scenario})
    program = ["python", "-m", "tests.integration.engine.drives"]
    argv = [*program, str(house.folder), robot.url, given, house.database_url]
    async with Process(argv, ready=r"drives \S+") as process:
        yield process


async def killed_in_turn(house: House, robot: RobotServer, turn: int, **scenario: Any) -> str:
    """The id of a conversation whose process was cut off while that turn was in flight.

    What kill -9 leaves is what lies on the disk at that moment: the files are copied then, and
    put back behind the process. There are no files of Postgres: there it is a real kill -9.
    """
    robot.fail("hang", turn=turn, times=1)
    if ON_POSTGRES:
        async with driver(house, robot, **scenario) as process:
            id = re.findall(r"drives (\S+)", process.stdout)[0]
            await wait_until(lambda: len(robot.of(id)) == turn)
            process.kill9()
            await process.wait()
        robot.faults.clear()
        return id
    async with house.open(turn_timeout_s=60.0, grace_s=0.05) as runs:
        id = await create(runs, **scenario)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == turn)
        files = [house.folder / name for name in ("duologue.db", "duologue.db-wal")]
        left = [file.read_bytes() for file in files]
    for file, content in zip(files, left, strict=True):
        file.unlink(missing_ok=True)
        file.write_bytes(content)
    robot.faults.clear()
    return id


async def test_after_kill_9_what_was_running_is_interrupted_and_goes_on_by_itself(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=3, times=1)
    async with driver(house, robot, max_turns=5) as process:
        id = re.findall(r"drives (\S+)", process.stdout)[0]
        await wait_until(lambda: len(robot.of(id)) == 3)
        async with house.open() as runs:
            await runs.recover()
            assert (await runs.get(id)).status is Status.RUNNING  # its owner lives
            with pytest.raises(Busy):
                await runs.start(id)
        process.kill9()
        await process.wait()
    async with house.open() as runs:
        assert (await runs.get(id)).status is Status.INTERRUPTED
        await runs.recover()
        frames = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 5)
    assert_exact(robot, id, said, 5)
    assert_agreement(frames, said)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 3, 3, 4, 5)]
    assert len(robot.of(id, "init")) == 1


async def test_after_kill_9_it_waits_where_resume_on_start_is_off(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=2)
    calls = len(robot.calls)
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        row = await runs.get(id)
        assert (row.status, row.turn, row.owner) == (Status.INTERRUPTED, 1, None)
        frames = await follow_to_end(runs, id)
        assert select_data(frames, "done")[0]["status"] == "interrupted"
        assert len(robot.calls) == calls
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert_exact(robot, id, await read_lines(runs, id), 2)


@pytest.mark.parametrize("policy", ["accept", "ask", "retry"])
async def test_the_turn_in_flight_at_a_crash_follows_its_policy(
    house: House, robot: RobotServer, policy: str
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=3, in_flight=policy)
    async with house.open() as runs:
        await runs.recover()
        if policy == "ask":
            assert (await runs.get(id)).status is Status.INTERRUPTED
            with pytest.raises(Conflict) as caught:
                await runs.resume(id)
            assert caught.value.facts["turn"] == 2
            await runs.resume(id, "retry")
        await wait_for_rest(runs, id)
        said = await runs.messages(id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
    turns = [line["turn"] for line in said if line["role"] == "assistant"]
    assert turns == ([1, 3] if policy == "accept" else [1, 2, 3])
    assert [line["turn"] for line in said if line["role"] == "user"] == [1, 2, 3]
    sent = [int((call.key or "").rsplit(":", 1)[1]) for call in robot.of(id)]
    assert sent == ([1, 2, 3] if policy == "accept" else [1, 2, 2, 3])


async def test_an_accepted_turn_is_not_sent_again_after_a_change(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=4)
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        known = await runs.views.read_state(id)
        async with runs.launcher.reserve(id) as place:
            await runs.launcher.begin(place, known, {"last_turn": 2}, in_flight="accept")
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).turn == 2
        await runs.change(await runs.get(id), {"seat": "scripted"})
        await runs.start(id)
        await wait_for_rest(runs, id)
        said = await runs.messages(id)
    keys = [(call.key or "").rsplit(":", 1)[1] for call in robot.of(id)]
    assert keys == ["1", "2", "3", "4"]
    assert [line["turn"] for line in said if line["role"] == "user"] == [1, 2, 3, 4]


async def test_an_accepted_last_turn_is_counted_everywhere(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=2)
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        await runs.resume(id, "accept")
        frames = await follow_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
    assert select_data(frames, "done")[0]["turns"] == 2
    assert len(robot.of(id)) == 2


@pytest.mark.parametrize(
    ("faults", "asks"),
    [
        (["status 404"], False),
        (["status 500"], True),
        (["status 503"], True),
        (["hang", "status 404"], True),
        (["reset"], True),
    ],
)
async def test_a_turn_that_the_bot_certainly_refused_is_not_in_flight(
    house: House, robot: RobotServer, faults: list[str], asks: bool
) -> None:
    for fault in faults:
        kind, _, code = fault.partition(" ")
        last = fault == faults[-1]
        facts = {"status": int(code)} if code else {}
        robot.fail(kind, turn=2, times=None if last else 1, **facts)
    async with house.open() as runs:
        id = await create(runs, max_turns=3, in_flight="ask")
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
    hangs = {"turn_timeout_s": 2.0} if "hang" in faults else {}
    async with house.open(attempts=len(faults), **hangs) as runs:
        await runs.start(id)
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).end_reason == "bot_error"
        robot.faults.clear()
        if asks:
            with pytest.raises(Conflict):
                await runs.resume(id)
            return
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)


async def test_a_refusal_does_not_clear_a_turn_that_an_earlier_run_left_in_doubt(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", turn=2, times=1, status=500)
    async with house.open(attempts=1) as runs:
        id = await create(runs, max_turns=3, in_flight="ask")
        await runs.start(id)
        await wait_for_rest(runs, id)
        robot.fail("status", turn=2, times=1, status=404)
        await runs.resume(id, "retry")
        await wait_for_rest(runs, id)
        with pytest.raises(Conflict) as caught:
            await runs.resume(id)
        assert caught.value.facts["turn"] == 2


async def dies_before_its_ending_is_written(runs: RunService, id: str) -> None:
    """As a crash between the last checkpoint and the catalogue leaves it."""
    owner = {"owner": "0" * 32, "in_flight": None}
    await runs.storage.catalogue.update(id, status=Status.RUNNING, end_reason=None, **owner)


async def test_a_crash_behind_the_last_checkpoint_completes_without_calling_anybody(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        await run_to_end(runs, id)
        await dies_before_its_ending_is_written(runs, id)
    calls = len(robot.calls)
    async with house.open() as runs:
        await runs.recover()
        frames = await follow_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
        assert_agreement(frames, await read_lines(runs, id))
    assert len(robot.calls) == calls
    assert select_data(frames, "done")[0]["end_reason"] == "max_turns"


async def test_three_conversations_in_flight_at_a_crash_all_finish(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", times=3)
    async with house.open(grace_s=0.05, turn_timeout_s=60.0) as runs:
        ids = [await create(runs, max_turns=2) for _ in range(3)]
        for id in ids:
            await runs.start(id)
        await wait_until(lambda: len([c for c in robot.calls if c.op == "turn"]) == 3)
    async with house.open() as runs:
        await runs.recover()
        for id in ids:
            await wait_for_rest(runs, id)
            assert_exact(robot, id, await read_lines(runs, id), 2)


async def test_recovery_touches_neither_the_stopped_nor_those_that_met_an_error(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", status=404, turn=1, times=1)
    async with house.open() as runs:
        failed, stopped, waiting = [await create(runs, max_turns=2) for _ in range(3)]
        await run_to_end(runs, failed)
        await runs.stop(stopped)
        await runs.start(waiting, turns=1)
        await wait_for_rest(runs, waiting)
    calls = len(robot.calls)
    async with house.open() as runs:
        await runs.recover()
        assert runs.open_runs == 0
        assert (await runs.get(failed)).status is Status.INTERRUPTED
        assert (await runs.get(stopped)).status is Status.STOPPED
        assert (await runs.get(waiting)).status is Status.WAITING
    assert len(robot.calls) == calls


async def test_a_conversation_whose_bot_is_gone_from_the_file_stops_no_recovery(
    house: House, robot: RobotServer
) -> None:
    without = house.bots.read_text(encoding="utf-8")
    house.add_bots(f"  shop: {{kind: webhook, preset: robot-lesson, base_url: '{robot.url}'}}\n")
    async with house.open() as runs:
        ids = [await create(runs, bot_id="shop", max_turns=2) for _ in range(2)]
        for id in ids:
            await runs.start(id, turns=1)
            await wait_for_rest(runs, id)
            await runs.storage.catalogue.update(id, status=Status.INTERRUPTED)
    house.bots.write_text(without, encoding="utf-8")
    async with house.open() as runs:
        await runs.recover()
        for id in ids:
            await wait_for_rest(runs, id)
            row = await runs.get(id)
            assert (row.status, row.end_reason) == (Status.INTERRUPTED, "bot_error")
            assert row.error is not None
            assert row.error["code"] == "bot_unreachable"
            assert row.error["retryable"] is False


async def test_a_follower_of_a_killed_process_ends_with_the_same_text_in_the_next(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 3, max_turns=4)
    async with house.open() as runs:
        before = await runs.follow(id)
        head = []
        while (frame := before.next()) is not None:
            head.append(frame)
        await runs.recover()
        await wait_for_rest(runs, id)
        whole = await read_lines(runs, id)
        for at, frame in enumerate(head):
            follower = await runs.follow(id, frame.cursor)
            rest = [frame async for frame in follower.frames()]
            assert_agreement(head[: at + 1] + rest, whole)


async def test_a_conversation_that_was_stopped_meanwhile_is_not_resumed_with_the_others(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=3)
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        await runs.stop(id)
        with pytest.raises(Conflict):
            await runs.resume(id, only_orphaned=True)
        assert (await runs.get(id)).status is Status.STOPPED
        assert not runs.slots


async def test_a_pause_that_was_asked_for_holds_over_a_crash(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=2, times=1)
    async with house.open(turn_timeout_s=60.0, grace_s=0.05) as runs:
        id = await create(runs, max_turns=6)
        await runs.start(id, turns=2)
        await wait_until(lambda: len(robot.of(id)) == 2)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.WAITING, None, 2)
        await runs.start(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 6)


async def test_a_turn_in_flight_waits_for_its_decision_whoever_starts_the_run(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=3, in_flight="ask")
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        for act in (runs.start(id), runs.say(id, "dạ"), runs.resume(id)):
            with pytest.raises(Conflict) as caught:
                await act
            assert caught.value.facts["turn"] == 2
        assert len(robot.of(id)) == 2


async def test_a_decision_that_was_stopped_before_it_took_effect_is_asked_for_again(
    house: House, robot: RobotServer
) -> None:
    id = await killed_in_turn(house, robot, 2, max_turns=3, in_flight="ask")
    async with house.open(resume_on_start=False) as runs:
        await runs.recover()
        await runs.resume(id, "accept")
        await runs.stop(id)  # before its task had a chance to begin
        with pytest.raises(Conflict):
            await runs.resume(id)
        assert len(robot.of(id)) == 2

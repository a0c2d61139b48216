"""One run a conversation: started, stopped, drained, deleted, and never left half-way."""

import asyncio
import sqlite3
from typing import Any

import pytest

from core.ends import Status
from core.errors import Busy, Conflict, DuologueError, Full, Invalid, KeyReused, NotFound, Stopping
from core.scenario import Scenario
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
    wait_for_event,
    wait_for_rest,
)
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_of_two_starts_at_once_one_runs_and_one_is_refused(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=3)
        got = await asyncio.gather(*(runs.start(id) for _ in range(5)), return_exceptions=True)
        assert sorted(type(one).__name__ for one in got) == ["Busy"] * 4 + ["LiveConversation"]
        await wait_for_rest(runs, id)
        said = await read_lines(runs, id)
    assert_exact(robot, id, said, 3)
    assert not any(call.overlapped for call in robot.calls)


async def test_whatever_would_begin_a_second_run_is_refused(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        await runs.start(id)
        await wait_until(lambda: robot.of(id))
        for begin in (runs.start(id), runs.resume(id), runs.say(id, "xin chào")):
            with pytest.raises(Busy):
                await begin
        robot.release()
        await wait_for_rest(runs, id)


async def test_a_stop_does_not_wait_for_a_bot_that_hangs(house: House, robot: RobotServer) -> None:
    robot.fail("hang", turn=2, times=1)
    async with house.open(turn_timeout_s=30.0) as runs:
        id = await create(runs, max_turns=4)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        async with asyncio.timeout(20):
            row = await runs.stop(id)
        assert (row.status, row.end_reason, row.turn) == (Status.STOPPED, "stopped", 1)
        assert row.in_flight == 2
        frames = await follow_to_end(runs, id)
        assert [data["status"] for data in select_data(frames, "done")] == ["stopped"]
        again = await runs.stop(id)
        assert again == row
        await runs.resume(id)
        await wait_for_rest(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 4)
    assert_exact(robot, id, said, 4)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 2, 3, 4)]


async def test_a_stop_before_the_run_took_its_first_step_is_not_lost(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        await runs.start(id)
        async with asyncio.timeout(20):
            row = await runs.stop(id)
        assert row.status is Status.STOPPED
        assert runs.open_runs == 0
        assert not robot.of(id)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)


async def test_a_stop_beside_a_start_never_leaves_a_status_that_is_untrue(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang")
    async with house.open(turn_timeout_s=30.0) as runs:
        for nth in range(12):
            id = await create(runs)
            start = asyncio.ensure_future(runs.start(id))
            for _ in range(nth):
                await asyncio.sleep(0.0005)
            async with asyncio.timeout(20):
                await asyncio.gather(start, runs.stop(id))
                row = await runs.storage.catalogue.get(id)
                assert (row.status is Status.RUNNING) == (id in runs.slots)
                assert (await runs.stop(id)).status is Status.STOPPED


@pytest.mark.parametrize("steps", range(0, 40, 2))
async def test_a_stop_at_any_moment_leaves_stream_and_disk_alike(
    house: House, robot: RobotServer, steps: int
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=6)
        await runs.start(id)
        for _ in range(steps * steps // 4):
            await asyncio.sleep(0)
        row = await runs.stop(id)
        told = [data["text"] for data in select_data(await follow_to_end(runs, id), "message")]
        shown = [text for _, text in await read_lines(runs, id)]
        state = await runs.views.read_state(id)
        assert told == shown == [line["content"] for line in state.get("messages", [])]
        assert row.turn == state.get("turn", 0)
        if row.status is not Status.COMPLETED:
            await runs.resume(id)
            await wait_for_rest(runs, id)
        said = await read_lines(runs, id)
    assert [role for role, _ in said] == ["user", "assistant"] * 6
    sent = [call.key for call in robot.of(id)]
    assert len(sent) - len(set(sent)) <= 1


@pytest.mark.parametrize("change", [{"max_turns": 4}, None])
async def test_a_reply_that_was_stored_without_its_checkpoint_is_kept(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch, change: dict[str, int] | None
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=3 if change else 4)
        saver, hung = runs.storage.checkpoints, asyncio.Event()
        aput = saver.aput

        async def hangs(*given: Any) -> Any:
            if len(robot.of(id)) == 2:
                hung.set()
                await asyncio.Event().wait()
            return await aput(*given)

        monkeypatch.setattr(saver, "aput", hangs)
        await runs.start(id)
        async with asyncio.timeout(20):
            await hung.wait()
            await runs.stop(id)
        monkeypatch.undo()
        if change:
            assert await runs.change(await runs.get(id), change)
        await runs.resume(id)
        frames = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
    assert_exact(robot, id, said, 4)
    assert_agreement(frames, said)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in range(1, 5)]


async def test_a_stop_where_nothing_runs_is_written_and_can_be_undone(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        assert (await runs.stop(id)).status is Status.STOPPED
        frames = await follow_to_end(runs, id)
        assert [data["status"] for data in select_data(frames, "done")] == ["stopped"]
        await run_to_end(runs, id)
        assert (await runs.stop(id)).status is Status.COMPLETED


async def test_only_so_many_runs_are_open_at_once(house: House, robot: RobotServer) -> None:
    robot.fail("hold", op="init")
    async with house.open(max_open_runs=2) as runs:
        ids = [await create(runs, max_turns=1) for _ in range(3)]
        for id in ids[:2]:
            await runs.start(id)
        with pytest.raises(Full):
            await runs.start(ids[2])
        await wait_until(lambda: len(robot.calls) == 2)
        robot.faults.clear()
        robot.release()
        await wait_for_rest(runs, ids[0])
        await runs.start(ids[2])
        await wait_for_rest(runs, ids[2])
        assert (await read_status(runs, ids[2]))[0] is Status.COMPLETED


async def test_draining_finishes_the_step_and_the_rest_goes_on_later(
    house: House, robot: RobotServer
) -> None:
    robot.delay = 0.05
    async with house.open() as runs:
        id = await create(runs, max_turns=4)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        await runs.drain(2.0)
        row = await runs.get(id)
        assert (row.status, row.end_reason) == (Status.INTERRUPTED, "server_stopped")
        assert row.turn == 2
        with pytest.raises(Stopping):
            await runs.resume(id)
        with pytest.raises(Stopping):
            await create(runs)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        said = await read_lines(runs, id)
    assert_exact(robot, id, said, 4)


async def test_draining_does_not_wait_for_a_bot_that_hangs(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=1, times=1)
    async with asyncio.timeout(20), house.open(turn_timeout_s=30.0, grace_s=0.2) as runs:
        id = await create(runs, max_turns=1)
        await runs.start(id)
        await wait_until(lambda: robot.of(id))
    async with house.open(resume_on_start=False) as runs:
        row = await runs.storage.catalogue.get(id)
        assert (row.status, row.end_reason) == (Status.INTERRUPTED, "server_stopped")
        assert row.in_flight == 1


async def test_a_start_under_way_when_the_process_drains_is_drained_too(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang")
    async with asyncio.timeout(30), house.open(turn_timeout_s=60.0, grace_s=0.2) as runs:
        ids = [await create(runs) for _ in range(3)]
        starts = [runs.start(id) for id in ids]
        await asyncio.gather(*starts, runs.drain(0.2), return_exceptions=True)
        for id in ids:
            assert (await runs.get(id)).status in (Status.CREATED, Status.INTERRUPTED)


async def test_a_drain_during_the_last_turn_completes_it(house: House, robot: RobotServer) -> None:
    robot.fail("hold", turn=2)
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        drain = asyncio.ensure_future(runs.drain(60))
        await asyncio.sleep(0)
        robot.release()
        await drain
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)


@pytest.mark.sqlite
async def test_a_deleted_conversation_is_gone_from_every_table(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=1)
    async with house.open(turn_timeout_s=30.0) as runs:
        kept = await create(runs)
        id = await runs.create(Scenario(user="scripted"), key="k", body="b")
        await runs.start(id)
        await wait_until(lambda: robot.of(id))
        async with asyncio.timeout(20):
            await runs.delete(id)
        with pytest.raises(NotFound):
            await runs.get(id)
        for what in (runs.start, runs.resume, runs.stop, runs.delete, runs.messages, runs.follow):
            with pytest.raises(NotFound):
                await what(id)
        assert await runs.get(kept)
    with sqlite3.connect(house.database) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert id not in dump
    assert kept in dump


async def test_five_creations_with_one_key_make_one_conversation_and_leave_nothing(
    house: House,
) -> None:
    async with house.open() as runs:
        made = await asyncio.gather(
            *(runs.create(Scenario(user="scripted"), key="k", body="b") for _ in range(5))
        )
        assert len(set(made)) == 1
        assert await runs.create(Scenario(user="scripted"), key="k", body="b") == made[0]
        with pytest.raises(KeyReused):
            await runs.create(Scenario(user="scripted"), key="k", body="another")
        rows, _ = await runs.storage.catalogue.list_page(10)
        assert [row.id for row in rows] == [made[0]]
        threads = await runs.storage.database.read("SELECT DISTINCT thread_id FROM checkpoints")
        assert threads == [(made[0],)]


async def test_what_the_caller_raises_is_not_wrapped_in_a_group(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        async with house.open() as runs:
            await create(runs, bot_id="nobody")
    assert caught.value.field == "bot_id"


async def test_a_run_whose_ending_cannot_be_written_harms_no_other(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as runs:
        broken, other = [await create(runs, max_turns=3) for _ in range(2)]
        settle = runs.storage.checkpoints.settle

        async def breaks(id: str) -> None:
            if id == broken:
                raise RuntimeError("out of the blue")
            await settle(id)

        monkeypatch.setattr(runs.storage.checkpoints, "settle", breaks)
        await runs.start(broken)
        await runs.start(other)
        for id in (broken, other):
            await wait_for_rest(runs, id)
        assert (await read_status(runs, other))[0] is Status.COMPLETED
        row = await runs.get(broken)
        assert row.status is Status.INTERRUPTED
        frames = await follow_to_end(runs, broken)
        assert len(select_data(frames, "done")) == 1
        assert select_data(frames, "done")[0]["status"] == "interrupted"
        monkeypatch.undo()
        await runs.resume(broken)
        await wait_for_rest(runs, broken)
        assert await read_status(runs, broken) == (Status.COMPLETED, "max_turns", 3)
    assert len(robot.heard(broken)) == 3


async def test_twenty_conversations_at_once_never_mix(house: House, robot: RobotServer) -> None:
    robot.delay = 0.01
    async with house.open() as runs:
        ids = [await create(runs, max_turns=3, lines=[f"cuộc {n}"]) for n in range(20)]
        for id in ids:
            await runs.start(id)
        for id in ids:
            await wait_for_rest(runs, id)
            assert_exact(robot, id, await read_lines(runs, id), 3)
    assert not any(call.overlapped for call in robot.calls)


async def test_a_follower_that_comes_and_goes_changes_nothing(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=3)
        view = await runs.start(id)
        for _ in range(50):
            async for _frame in (await runs.follow(id)).frames():
                break
        await wait_for_rest(runs, id)
        assert view.followers == 0
        assert not view.changes._waiting
        await wait_for_event(await runs.follow(id), "done", status="completed")


async def test_asking_for_no_more_turns_of_an_ended_conversation_is_a_conflict(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        await run_to_end(runs, id)
        for what in (runs.start(id), runs.say(id, "Còn nữa")):
            with pytest.raises(Conflict) as caught:
                await what
            assert isinstance(caught.value, DuologueError)
            assert caught.value.facts["end_reason"] == "max_turns"

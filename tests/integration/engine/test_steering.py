"""What was answered to whoever steers a conversation holds, also after kill -9."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.ends import Status
from graph.runs.changes import merge_updates
from graph.runs.service import RunService
from tests.integration.engine.house import (
    House,
    create,
    read_lines,
    read_status,
    run_to_end,
    wait_for_rest,
)
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Act = Callable[[RunService, str], Awaitable[object]]


async def killed_after(house: House, robot: RobotServer, act: Act, **scenario: Any) -> str:
    """A conversation whose process died in turn 2, right after `act` was answered."""
    robot.fail("hang", turn=2, times=1)
    async with house.open(turn_timeout_s=60.0, grace_s=0.05) as runs:
        id = await create(runs, **scenario)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        await act(runs, id)
        files = [house.folder / name for name in ("duologue.db", "duologue.db-wal")]
        left = [file.read_bytes() for file in files]
    for file, content in zip(files, left, strict=True):
        file.unlink(missing_ok=True)
        file.write_bytes(content)
    robot.faults.clear()
    return id


def changed(**wanted: Any) -> Act:
    async def act(runs: RunService, id: str) -> None:
        assert not await runs.change(await runs.get(id), wanted), "it is done between two steps"

    return act


@pytest.mark.sqlite
async def test_a_seat_that_was_taken_before_kill_9_is_the_persons_after_it(
    house: House, robot: RobotServer
) -> None:
    id = await killed_after(house, robot, changed(seat="human"), max_turns=6)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.WAITING, None, 2)
        row = await runs.get(id)
        assert (row.seat, row.pending) == ("human", None)
        assert (await runs.views.read_state(id))["seat"] == "human"


@pytest.mark.sqlite
async def test_a_limit_that_was_lowered_before_kill_9_ends_the_conversation(
    house: House, robot: RobotServer
) -> None:
    id = await killed_after(house, robot, changed(max_turns=3), max_turns=9)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)


@pytest.mark.sqlite
async def test_two_changes_before_kill_9_both_hold_and_of_one_thing_the_later(
    house: House, robot: RobotServer
) -> None:
    async def act(runs: RunService, id: str) -> None:
        for wanted in ({"max_turns": 8}, {"user_prompt": "Nói ngắn"}, {"max_turns": 3}):
            await runs.change(await runs.get(id), wanted)

    id = await killed_after(house, robot, act, max_turns=9)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
        scenario = (await runs.views.read_state(id))["scenario"]
        assert scenario["user_prompt"] == "Nói ngắn"


@pytest.mark.sqlite
async def test_a_stop_that_was_answered_before_kill_9_is_not_undone_by_the_next_start(
    house: House, robot: RobotServer
) -> None:
    id = await killed_after(house, robot, lambda runs, one: runs.stop(one), max_turns=6)
    async with house.open() as runs:
        await runs.recover()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.STOPPED, "stopped", 1)


async def test_a_change_while_nobody_runs_it_holds_if_the_process_dies_before_the_state_has_it(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9)
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
        with monkeypatch.context() as broken:
            broken.setattr("graph.runs.service.update_thread", _dies)
            with pytest.raises(_DiedError):
                await runs.change(await runs.get(id), {"max_turns": 2})
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)


async def test_a_change_that_was_obeyed_is_not_obeyed_again(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=9)
        await runs.start(id)
        await wait_until(lambda: robot.of(id))
        await runs.change(await runs.get(id), {"seat": "human"})
        robot.release()
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).pending is None
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).seat == "scripted"
        assert len(await read_lines(runs, id)) == 4


def test_merged_updates_are_plain_data_and_keep_what_only_one_has() -> None:
    first = {"seat": "human", "scenario": {"max_turns": 3, "user_prompt": "a"}}
    merged = merge_updates(first, {"scenario": {"max_turns": 4}})
    assert merged == {"seat": "human", "scenario": {"max_turns": 4, "user_prompt": "a"}}
    assert json.loads(json.dumps(merged)) == merged
    assert merge_updates(None, first) == first


class _DiedError(Exception):
    pass


async def _dies(*_args: object, **_facts: object) -> None:
    raise _DiedError

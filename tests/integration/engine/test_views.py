"""Many conversations are looked at; only some stay in memory, and none that somebody needs."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Container

import pytest

from core.ends import Status
from graph.stream import views as module
from tests.integration.engine.house import (
    House,
    assert_exact,
    create,
    read_lines,
    read_status,
    run_to_end,
    wait_for_rest,
)
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_views_of_idle_conversations_are_dropped_and_read_again(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_VIEWS", 5)
    async with house.open() as runs:
        ids = [await create(runs, max_turns=1) for _ in range(12)]
        said = {}
        for id in ids:
            await run_to_end(runs, id)
            said[id] = await read_lines(runs, id)
        assert len(runs.views._views) <= 5
        for id in ids:
            assert await read_lines(runs, id) == said[id]
            assert (await runs.get(id)).turn == 1


async def test_a_view_that_is_driven_or_followed_is_never_dropped(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_VIEWS", 2)
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        driven, followed = [await create(runs, max_turns=2) for _ in range(2)]
        view = await runs.start(driven)
        await wait_until(lambda: robot.of(driven))
        follower = await runs.follow(followed)
        reader = asyncio.ensure_future(_all(follower.frames()))
        await asyncio.sleep(0)
        for _ in range(6):
            await runs.messages(await create(runs))
        assert await runs.views.get_view(driven) is view
        assert await runs.views.get_view(followed) is follower.view
        await runs.start(followed)
        robot.release()
        for id in (driven, followed):
            await wait_for_rest(runs, id)
        assert (await reader)[-1].event == "done"


async def _all(frames: object) -> list[object]:
    return [frame async for frame in frames]  # type: ignore[attr-defined]


@pytest.mark.sqlite
async def test_a_database_locked_for_three_seconds_costs_no_turn(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        robot.fail("hold", turn=3, times=1)
        id = await create(runs, max_turns=6)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) >= 3)
        with contextlib.closing(sqlite3.connect(house.database, isolation_level=None)) as backup:
            backup.execute("BEGIN IMMEDIATE")
            robot.release()
            await asyncio.sleep(3)
            assert (await runs.get(id)).status is Status.RUNNING
            backup.execute("COMMIT")
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 6)
        assert_exact(robot, id, await read_lines(runs, id), 6)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in range(1, 7)]


async def test_who_holds_a_view_sees_what_comes_though_it_was_dropped(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_VIEWS", 2)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        follower = await runs.follow(id)
        for _ in range(4):
            await runs.messages(await create(runs))
        assert id not in runs.views._views
        await runs.start(id)
        assert (await _all(follower.frames()))[-1].event == "done"  # type: ignore[attr-defined]


async def test_a_start_looks_at_as_few_views_among_sixty_runs_as_among_twenty(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_VIEWS", 2)
    robot.fail("hold", turn=1, times=60)
    async with house.open() as runs:
        counted = CountedLookups(runs.slots)
        monkeypatch.setattr(runs.views, "_runs_here", counted)
        lookups = []
        for _ in range(60):
            before = counted.lookups
            await runs.start(await create(runs, max_turns=1))
            lookups.append(counted.lookups - before)
        assert len(runs.slots) == 60
        assert max(lookups[20:]) <= max(lookups[:20])
        robot.release()


class CountedLookups:
    def __init__(self, slots: Container[str]) -> None:
        self._slots = slots
        self.lookups = 0

    def __contains__(self, id: object) -> bool:
        self.lookups += 1
        return id in self._slots

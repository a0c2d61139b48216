"""Every conversation that a dead process left is taken up by a living one."""

import asyncio
import re

import pytest

from core.ends import Status
from core.errors import Full
from graph.runs import recovery
from graph.runs.service import RunService
from tests.integration.engine.house import (
    House,
    assert_exact,
    create,
    read_lines,
    read_status,
    wait_for_rest,
)
from tests.integration.engine.test_resume import driver
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


@pytest.mark.sqlite
async def test_five_runs_at_the_limit_of_five_all_finish_after_kill_9_while_clients_post(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=2, times=5)
    async with house.open(turn_timeout_s=60.0, grace_s=0.05, max_open_runs=5) as runs:
        ids = [await create(runs, max_turns=3, lines=[f"cuộc {n}"]) for n in range(5)]
        for id in ids:
            await runs.start(id)
        for id in ids:
            await wait_until(lambda one=id: len(robot.of(one)) == 2)
        files = [house.folder / name for name in ("duologue.db", "duologue.db-wal")]
        left = [file.read_bytes() for file in files]
    for file, content in zip(files, left, strict=True):
        file.unlink(missing_ok=True)
        file.write_bytes(content)
    robot.faults.clear()
    robot.delay = 0.05
    async with house.open(max_open_runs=5) as runs:
        others = [await create(runs, max_turns=2) for _ in range(10)]
        await runs.start(others[0])  # a client is quicker than the recovery
        await runs.start(others[1])
        await runs.recover(wait=False)
        for id in others[2:]:
            await _start_when_there_is_room(runs, id)
        for id in [*ids, *others]:
            await wait_until(lambda one=id: _is_completed(runs, one), 60)
            assert (await read_status(runs, id))[0] is Status.COMPLETED
        for id in ids:
            assert_exact(robot, id, await read_lines(runs, id), 3)


async def _start_when_there_is_room(runs: RunService, id: str) -> None:
    while True:
        try:
            await runs.start(id)
        except Full:
            await asyncio.sleep(0.02)
        else:
            return


def _is_completed(runs: RunService, id: str) -> bool:
    view = runs.views.find_view(id)
    return view is not None and view.current_status is Status.COMPLETED


async def test_a_living_server_takes_over_what_another_left(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY_S", 0.2)
    robot.fail("hang", turn=2, times=1)
    async with house.open() as runs:
        await runs.recover(wait=False)
        async with driver(house, robot, max_turns=3) as process:
            id = re.findall(r"drives (\S+)", process.stdout)[0]
            await wait_until(lambda: len(robot.of(id)) == 2)
            await asyncio.sleep(0.5)  # it looked at least once while the owner was alive
            assert (await runs.get(id)).owner != runs.storage.owner.id
            process.kill9()
            await process.wait()
        await wait_until(lambda: _is_completed(runs, id), 60)
        assert_exact(robot, id, await read_lines(runs, id), 3)


async def test_what_a_server_that_was_told_to_stop_left_is_taken_over_by_another(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY_S", 0.2)
    robot.fail("hang", turn=2, times=1)
    async with house.open() as stays:
        await stays.recover(wait=False)
        async with house.open(turn_timeout_s=60.0, grace_s=0.05) as goes:
            id = await create(goes, max_turns=3)
            await goes.start(id)
            await wait_until(lambda: len(robot.of(id)) == 2)
        await wait_until(lambda: _is_completed(stays, id), 60)
        assert_exact(robot, id, await read_lines(stays, id), 3)


async def test_a_conversation_that_brought_its_process_down_three_times_is_left_alone(
    house: House, robot: RobotServer
) -> None:
    for crashes in (1, 2, 3):
        async with house.open(resume_on_start=False) as runs:
            if crashes == 1:
                id = await create(runs, max_turns=2)
            await runs.storage.catalogue.update(id, status=Status.RUNNING, owner="gone")
            await runs.recover()
            row = await runs.get(id)
            assert (row.status, row.crashes) == (Status.INTERRUPTED, crashes)
            assert (row.error is not None) == (crashes == 3)
    async with house.open() as runs:
        await runs.recover()
        row = await runs.get(id)
        assert row.status is Status.INTERRUPTED
        assert row.error
        assert row.error["code"] == "process_died"
        assert "3 times" in row.error["error"]
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
        row = await runs.get(id)
        assert (row.crashes, row.deaths) == (0, 0)


async def test_one_at_which_processes_die_while_the_bot_replies_is_left_alone_after_five(
    house: House, robot: RobotServer
) -> None:
    async with house.open(resume_on_start=False) as runs:
        id, other = [await create(runs, max_turns=2) for _ in range(2)]
        for deaths in range(1, 6):
            for one in (id, other):  # somebody was asked, and of one a turn was done besides
                facts = {"status": Status.RUNNING, "owner": "gone", "crashes": 0}
                await runs.storage.catalogue.update(one, **facts)
            await runs.storage.catalogue.update(other, deaths=deaths % 4)
            await runs.recover()
            row = await runs.get(id)
            assert (row.deaths, row.error is not None) == (deaths, deaths == 5)
        assert (row.error or {})["code"] == "process_died"
        assert (await runs.get(other)).error is None


async def test_a_suspect_has_the_process_for_itself_until_a_turn_is_done(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        first, second = [await create(runs, max_turns=2) for _ in range(2)]
        for id in (first, second):
            facts = {"status": Status.INTERRUPTED, "crashes": 0, "deaths": 2}
            await runs.storage.catalogue.update(id, **facts)
        await runs.recover(wait=False)
        await wait_until(lambda: robot.of(second))  # the newest comes first
        await asyncio.sleep(0.3)
        assert not robot.of(first)
        robot.release()
        for id in (first, second):
            await wait_until(lambda one=id: _is_completed(runs, one), 60)


async def test_whoever_came_as_far_as_asking_is_not_suspected_any_more(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        facts = {"status": Status.INTERRUPTED, "crashes": 2, "deaths": 7}
        await runs.storage.catalogue.update(id, **facts)
        await runs.recover(wait=False)
        await wait_until(lambda: robot.of(id))
        row = await runs.get(id)
        assert (row.crashes, row.deaths) == (0, 7)
        robot.release()
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).deaths == 0


async def test_suspects_are_taken_up_one_by_one_behind_all_others(
    house: House, robot: RobotServer
) -> None:
    resumed: list[str] = []
    async with house.open() as runs:

        async def resume(id: str, **_how: bool) -> object:
            resumed.append(id)
            return await runs.resume(id)

        ids = [await create(runs, max_turns=1) for _ in range(3)]
        for id in ids:
            await runs.storage.catalogue.update(id, status=Status.INTERRUPTED)
        found = recovery.Recovery(runs.storage, runs.views, resume)  # type: ignore[arg-type]
        await found.resume_all([(ids[0], 2), (ids[1], 1), (ids[2], 0)])
        assert resumed == [ids[1], ids[2], ids[0]]
        for id in ids:
            await wait_for_rest(runs, id)


async def test_processes_that_are_killed_young_leave_no_conversation_suspected_for_good(
    house: House, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PROBATION_S", 60)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        facts = {"status": Status.INTERRUPTED, "crashes": 2, "deaths": 2}
        await runs.storage.catalogue.update(id, **facts)
    for _ in range(4):
        async with house.open() as young:
            await young.recover(wait=False)
            await asyncio.sleep(0.05)
            row = await young.get(id)
            assert (row.status, row.crashes, row.error) == (Status.INTERRUPTED, 2, None)
    monkeypatch.setattr(recovery, "PROBATION_S", 0.1)
    async with house.open() as old:
        await old.recover()
        await wait_for_rest(old, id)
        assert (await read_status(old, id))[0] is Status.COMPLETED

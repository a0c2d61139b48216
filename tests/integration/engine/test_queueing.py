"""Where as many runs are open as are allowed, whoever wants to wait gets its turn."""

import asyncio

import pytest

from core.ends import Status
from core.errors import Busy, Conflict, Full, Stopping
from tests.integration.engine.house import House, create, read_status, wait_for_rest
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_who_does_not_wait_is_refused_and_who_waits_runs_in_the_order_of_asking(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open(max_open_runs=1) as runs, asyncio.TaskGroup() as tasks:
        ids = [await create(runs, max_turns=2, lines=[f"cuộc {n}"]) for n in range(4)]
        await runs.start(ids[0])
        with pytest.raises(Full):
            await runs.start(ids[1])
        waiting = []
        for id in ids[1:]:
            waiting.append(tasks.create_task(runs.start(id, wait=True)))
            await wait_until(lambda: runs.slots.waiting == len(waiting))
        await wait_until(lambda: robot.of(ids[0]))
        assert runs.open_runs == 1
        assert not any(task.done() for task in waiting)
        robot.release()
        for id in ids:
            await wait_until(lambda one=id: len(robot.of(one)) == 2)
            await wait_for_rest(runs, id)
            assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
    begun = [call.conversation for call in robot.calls if call.turn == 1]
    assert list(dict.fromkeys(begun)) == ids


async def test_a_start_that_waits_is_cancelled_by_its_caller_and_gives_up_its_place(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open(max_open_runs=1) as runs, asyncio.TaskGroup() as tasks:
        first, second, third = [await create(runs, max_turns=1) for _ in range(3)]
        await runs.start(first)
        gone = tasks.create_task(runs.start(second, wait=True))
        stays = tasks.create_task(runs.start(third, wait=True))
        await wait_until(lambda: robot.of(first))
        with pytest.raises(Busy):
            await runs.start(third, wait=True)
        gone.cancel()
        robot.release()
        await stays
        await wait_for_rest(runs, third)
        assert (await read_status(runs, second))[0] is Status.CREATED
        assert (await read_status(runs, third))[0] is Status.COMPLETED
        assert runs.open_runs == 0


async def test_stopping_a_conversation_that_waits_for_its_turn_refuses_the_start(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open(max_open_runs=1) as runs, asyncio.TaskGroup() as tasks:
        first, second = [await create(runs, max_turns=1) for _ in range(2)]
        await runs.start(first)
        waiting = tasks.create_task(_failure(runs.start(second, wait=True)))
        await wait_until(lambda: robot.of(first))
        assert (await runs.stop(second)).status is Status.STOPPED
        assert isinstance(await waiting, Conflict)
        robot.release()
        await wait_for_rest(runs, first)
        assert not robot.of(second)


async def test_a_server_that_stops_lets_nobody_wait(house: House, robot: RobotServer) -> None:
    robot.fail("hold", turn=1, times=1)
    async with asyncio.TaskGroup() as tasks:
        async with house.open(max_open_runs=1, grace_s=0.1) as runs:
            first, second = [await create(runs, max_turns=1) for _ in range(2)]
            await runs.start(first)
            waiting = tasks.create_task(_failure(runs.start(second, wait=True)))
            await wait_until(lambda: robot.of(first))
        assert isinstance(await waiting, Stopping)


async def _failure(start: object) -> BaseException | None:
    try:
        await start  # type: ignore[misc]
    except (Conflict, Stopping) as error:
        return error
    return None

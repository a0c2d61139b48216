"""A person's line that was accepted is said, whatever comes between."""

import pytest

from core.ends import Status
from core.errors import Conflict
from tests.integration.engine.house import House, create, read_lines, read_status, wait_for_rest
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_the_first_line_is_said_after_the_bot_s_session_could_not_be_opened(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", op="init", status=404)
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=2)
        await runs.say(id, "xin chào")
        await wait_for_rest(runs, id)
        assert (await read_status(runs, id))[1] == "bot_error"
        with pytest.raises(Conflict):
            await runs.say(id, "có ai không?")
        robot.faults.clear()
        await runs.say(id, "xin chào")
        await wait_for_rest(runs, id)
        assert (await read_lines(runs, id))[0] == ("user", "xin chào")
        assert await read_status(runs, id) == (Status.WAITING, None, 1)
    assert robot.heard(id) == ["xin chào"]


async def test_a_line_is_said_after_a_stop_and_a_restart(house: House, robot: RobotServer) -> None:
    robot.fail("hang", op="init", times=1)
    async with house.open(init_timeout_s=30.0) as runs:
        id = await create(runs, user="human", max_turns=2)
        await runs.say(id, "xin chào")
        await wait_until(lambda: robot.of(id, "init"))
        await runs.stop(id)
    async with house.open() as runs:
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert (await read_lines(runs, id))[0] == ("user", "xin chào")


async def test_a_change_in_the_same_moment_loses_no_line(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=5)
        for text in ("một", "hai", "ba"):
            await runs.say(id, text)
            await runs.change(await runs.get(id), {"time_limit_s": 60.0})
            await wait_for_rest(runs, id)
        said = [text for role, text in await read_lines(runs, id) if role == "user"]
    assert said == ["một", "hai", "ba"] == robot.heard(id)


async def test_a_line_is_refused_where_the_last_turn_still_waits_for_its_reply(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", turn=1, status=404)
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=1)
        await runs.say(id, "xin chào")
        await wait_for_rest(runs, id)
        robot.faults.clear()
        with pytest.raises(Conflict):
            await runs.say(id, "còn nữa")
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 1)

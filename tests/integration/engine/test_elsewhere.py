"""What another process drives is watched here and left alone."""

import asyncio

import pytest

from core.errors import Busy
from graph.stream.follower import Follower
from graph.stream.live import Frame
from tests.integration.engine.house import House, create, follow_to_end, read_lines, wait_for_rest
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_nothing_here_touches_a_run_elsewhere(house: House, robot: RobotServer) -> None:
    robot.fail("hold", turn=2)
    async with house.open() as there, house.open(resume_on_start=False) as here:
        id = await create(there, bot_id=16, max_turns=3)
        await there.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        row = await here.get(id)
        for act in (
            lambda: here.start(id),
            lambda: here.resume(id),
            lambda: here.say(id, "dạ"),
            lambda: here.stop(id),
            lambda: here.change(row, {"seat": "human"}),
            lambda: here.delete(id),
        ):
            with pytest.raises(Busy):
                await act()
        robot.release()
        frames = await follow_to_end(here, id)
        assert frames[-1].data["end_reason"] == "max_turns"
        await wait_for_rest(there, id)
        assert await read_lines(here, id) == await read_lines(there, id)


async def test_a_run_that_begins_elsewhere_reaches_who_followed_here_before(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as there, house.open(resume_on_start=False) as here:
        id = await create(there, user="human", max_turns=1)
        follower = await here.follow(id)
        reading = asyncio.ensure_future(read(follower))
        await asyncio.sleep(0)
        await there.say(id, "xin chào")
        frames = await asyncio.wait_for(reading, 30)
    assert next(f.data["text"] for f in frames if f.event == "message") == "xin chào"
    assert frames[-1].data["end_reason"] == "max_turns"


async def read(follower: Follower) -> list[Frame]:
    return [frame async for frame in follower.frames()]

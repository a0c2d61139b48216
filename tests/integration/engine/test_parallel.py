"""Everything at once, at random moments: the conversations stay whole."""

import asyncio
import random

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
    wait_for_rest,
)
from tests.servers.robot import RobotServer


async def disturbed(runs: RunService, id: str, chance: random.Random) -> None:
    """Stops, starts, changes and pauses it, and waits for none of it longer than it must."""
    for _ in range(12):
        await asyncio.sleep(chance.random() * 0.01)
        try:
            match chance.randrange(5):
                case 0:
                    await runs.stop(id)
                case 1:
                    await runs.start(id)
                case 2:
                    await runs.start(id, turns=1)
                case 3:
                    await runs.resume(id)
                case _:
                    limit = chance.randrange(8, 12)
                    await runs.change(await runs.get(id), {"max_turns": limit})
        except (Busy, Conflict):
            continue


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_done_at_whatever_moment_no_turn_is_lost_or_said_twice(
    house: House, robot: RobotServer, seed: int
) -> None:
    robot.set(honour_keys=True)
    chance = random.Random(seed)
    async with house.open() as runs:
        ids = [await create(runs, max_turns=8) for _ in range(8)]
        async with asyncio.TaskGroup() as group:
            for id in ids:
                group.create_task(disturbed(runs, id, chance))
                group.create_task(disturbed(runs, id, chance))
        for id in ids:
            await wait_for_rest(runs, id)
            if (await runs.get(id)).status is not Status.COMPLETED:
                await runs.start(id)  # not resume: that keeps a pause which was asked for
            frames = await follow_to_end(runs, id)
            row, said = await runs.get(id), await read_lines(runs, id)
            assert row.status is Status.COMPLETED
            assert row.turn >= min(row.max_turns, 8)
            assert_exact(robot, id, said, row.turn)
            assert_agreement(frames, said)
            state = await runs.views.read_state(id)
            assert [line["content"] for line in state["messages"]] == [text for _, text in said]
    assert not [call for call in robot.calls if call.fault]

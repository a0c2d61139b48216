"""Where a turn or a line goes to a bot again, the run says so, and what that may cause."""

import pytest

from graph.runs.forks import fork
from graph.stream.live import Frame
from tests.integration.engine.house import (
    House,
    create,
    follow_to_end,
    run_to_end,
    select_data,
    wait_for_rest,
)
from tests.servers.robot import RobotServer

HARMLESS = (
    '  harmless: {{kind: webhook, preset: robot-lesson, base_url: "{url}", side_effects: false}}\n'
)


def find_sent(frames: list[Frame]) -> dict[int, str]:
    """What was told of each turn when it was sent last."""
    sent = [s for s in select_data(frames, "status") if s["status"] == "sending"]
    return {status["turn"]: status["message"] for status in sent}


@pytest.mark.parametrize(("bot", "causes"), [("16", True), ("harmless", False)])
async def test_a_turn_that_the_bot_may_have_heard_is_sent_again_and_told_so(
    house: House, robot: RobotServer, bot: str, causes: bool
) -> None:
    house.add_bots(HARMLESS.format(url=robot.url))
    async with house.open(attempts=1) as runs:
        robot.fail("status", status=500, turn=2, times=1)
        id = await create(runs, bot_id=bot, max_turns=3)
        first = await run_to_end(runs, id)
        await wait_for_rest(runs, id)
        await runs.resume(id)
        frames = await follow_to_end(runs, id)
    assert not any("the first time" in said for said in find_sent(first).values())
    said = find_sent(frames)
    assert "again, with the key of the first time" in said[2]
    assert ("happens twice" in said[2]) is causes
    assert "again" not in said[3]


@pytest.mark.parametrize(("bot", "causes"), [("16", True), ("harmless", False)])
async def test_a_fork_s_replay_says_what_it_causes(
    house: House, robot: RobotServer, bot: str, causes: bool
) -> None:
    house.add_bots(HARMLESS.format(url=robot.url))
    async with house.open() as runs:
        id = await create(runs, bot_id=bot, max_turns=2)
        await run_to_end(runs, id)
        branch = await fork(runs, await runs.get(id), {"index": 3, "max_turns": 3})
        frames = await run_to_end(runs, branch["conversation_id"])
    told = [s["message"] for s in select_data(frames, "status") if s["status"] == "replaying"]
    assert len(told) == 2
    assert all(("what it causes happens again" in said) is causes for said in told)

"""A conversation of a recorded bot: replayed, resumed and forked exactly, with the bot gone."""

from pathlib import Path

import pytest

from core.ends import Status
from graph.runs.forks import fork
from tests.integration.engine.house import House, created, lines, only, ran, status
from tests.servers.robot import RobotServer

LINES = ["xin chào", "một", "hai"]


@pytest.fixture
def recorded(tmp_path: Path, robot: RobotServer) -> House:
    house = House(tmp_path, robot.url)
    house.add_bots(
        f"""  taped:
    kind: webhook
    preset: robot-lesson
    base_url: "{robot.url}"
    cassette: {{file: tapes/robot.jsonl}}
"""
    )
    return house


async def test_a_replayed_conversation_is_the_recorded_one_and_says_so(
    recorded: House, robot: RobotServer
) -> None:
    async with recorded.open(cassettes="record") as runs:
        first = await created(runs, bot_id="taped", lines=LINES, max_turns=3)
        await ran(runs, first)
        said = await lines(runs, first)
    async with robot.down(), recorded.open() as runs:
        second = await created(runs, bot_id="taped", lines=LINES, max_turns=3)
        frames = await ran(runs, second)
        assert await lines(runs, second) == said
        assert await status(runs, second) == (Status.COMPLETED, "max_turns", 3)
    replies = [each for each in only(frames, "message") if each["role"] == "assistant"]
    assert [each["recorded"] for each in replies] == [True] * 3
    told = [each["message"] for each in only(frames, "status")]
    assert any("answers come from robot.jsonl" in text for text in told)


async def test_what_was_recorded_halfway_is_resumed_and_forked_without_the_bot(
    recorded: House, robot: RobotServer
) -> None:
    async with recorded.open(cassettes="record") as runs:
        whole = await created(runs, bot_id="taped", lines=LINES, max_turns=3)
        await ran(runs, whole)
        said = await lines(runs, whole)
        robot.fail("status", status=400, turn=2)
        half = await created(runs, bot_id="taped", lines=LINES, max_turns=3)
        await ran(runs, half)
        assert (await status(runs, half))[:1] == (Status.INTERRUPTED,)
    async with robot.down(), recorded.open() as runs:
        await ran(runs, half)
        assert await lines(runs, half) == said
        forked = await fork(runs, await runs.get(whole), {"index": 3})
        assert forked["warnings"] == []
        await ran(runs, forked["conversation_id"])
        assert await lines(runs, forked["conversation_id"]) == said


async def test_a_miss_is_one_typed_error_and_a_recording_made_later_lets_it_go_on(
    recorded: House, robot: RobotServer
) -> None:
    async with recorded.open() as runs:
        id = await created(runs, bot_id="taped", lines=LINES, max_turns=3)
        frames = await ran(runs, id)
        (error,) = only(frames, "error")
        assert (error["code"], error["retryable"]) == ("bot_unrecorded", False)
        assert robot.calls == []
    async with recorded.open(cassettes="record") as runs:
        await ran(runs, id)
        assert await status(runs, id) == (Status.COMPLETED, "max_turns", 3)

"""A conversation of a recorded bot: replayed, resumed and forked exactly, with the bot gone."""

from pathlib import Path

import pytest

from core.ends import Status
from graph.runs.forks import fork
from tests.integration.engine.house import (
    House,
    create,
    read_lines,
    read_status,
    run_to_end,
    select_data,
)
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
        first = await create(runs, bot_id="taped", lines=LINES, max_turns=3)
        await run_to_end(runs, first)
        said = await read_lines(runs, first)
    async with robot.down(), recorded.open() as runs:
        second = await create(runs, bot_id="taped", lines=LINES, max_turns=3)
        frames = await run_to_end(runs, second)
        assert await read_lines(runs, second) == said
        assert await read_status(runs, second) == (Status.COMPLETED, "max_turns", 3)
    replies = [each for each in select_data(frames, "message") if each["role"] == "assistant"]
    assert [each["recorded"] for each in replies] == [True] * 3
    told = [each["message"] for each in select_data(frames, "status")]
    assert any("answers come from robot.jsonl" in text for text in told)


async def test_what_was_recorded_halfway_is_resumed_and_forked_without_the_bot(
    recorded: House, robot: RobotServer
) -> None:
    async with recorded.open(cassettes="record") as runs:
        whole = await create(runs, bot_id="taped", lines=LINES, max_turns=3)
        await run_to_end(runs, whole)
        said = await read_lines(runs, whole)
        robot.fail("status", status=400, turn=2)
        half = await create(runs, bot_id="taped", lines=LINES, max_turns=3)
        await run_to_end(runs, half)
        assert (await read_status(runs, half))[:1] == (Status.INTERRUPTED,)
    async with robot.down(), recorded.open() as runs:
        await run_to_end(runs, half)
        assert await read_lines(runs, half) == said
        forked = await fork(runs, await runs.get(whole), {"index": 3})
        assert forked["warnings"] == []
        await run_to_end(runs, forked["conversation_id"])
        assert await read_lines(runs, forked["conversation_id"]) == said


async def test_a_miss_is_one_typed_error_and_a_recording_made_later_lets_it_go_on(
    recorded: House, robot: RobotServer
) -> None:
    async with recorded.open() as runs:
        id = await create(runs, bot_id="taped", lines=LINES, max_turns=3)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert (error["code"], error["retryable"]) == ("bot_unrecorded", False)
        assert robot.calls == []
    async with recorded.open(cassettes="record") as runs:
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)

"""A bot declares who remembers: forks obey it, and say which replies their bot never gave."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings
from graph.runs.forks import fork
from graph.runs.service import RunService
from nodes.speakers.registry import Speakers
from tests.integration.engine.house import House, create, run_to_end
from tests.servers.robot import RobotServer

LINES = ["xin chào", "một", "hai"]


def declare(house: House, url: str, **declared: str) -> House:
    more = "".join(f", {name}: {value}" for name, value in declared.items())
    robot = f'kind: webhook, preset: robot-lesson, base_url: "{url}"{more}'
    house.add_bots(f"  declared: {{{robot}}}\n")
    return house


async def fork_of(runs: RunService, index: int) -> tuple[str, list[str]]:
    id = await create(runs, bot_id="declared", lines=LINES, max_turns=3)
    await run_to_end(runs, id)
    made = await fork(runs, await runs.get(id), {"index": index})
    return made["conversation_id"], made["warnings"]


async def find_marked(runs: RunService, id: str) -> list[int]:
    lines = enumerate(await runs.messages(id))
    return [at for at, line in lines if line.get("not_in_session")]


async def test_a_bot_whose_memory_is_lost_hears_nothing_again_and_the_fork_says_so(
    house: House, robot: RobotServer
) -> None:
    async with declare(house, robot.url, memory="lost").open() as runs:
        id, warnings = await fork_of(runs, 3)
        assert "2 replies are marked" in warnings[0]
        await run_to_end(runs, id)
        assert robot.heard(id) == LINES[2:]
        assert await find_marked(runs, id) == [1, 3]


async def test_a_bot_to_which_everything_is_told_each_time_hears_nothing_again(
    house: House, robot: RobotServer
) -> None:
    async with declare(house, robot.url, memory="ours").open() as runs:
        id, warnings = await fork_of(runs, 3)
        assert warnings == []
        await run_to_end(runs, id)
        assert robot.heard(id) == LINES[2:]
        assert await find_marked(runs, id) == []


async def test_only_replies_that_differ_are_marked_where_the_lines_are_told_again(
    house: House, robot: RobotServer
) -> None:
    async with declare(house, robot.url, side_effects="false").open() as runs:
        id, warnings = await fork_of(runs, 5)
        assert "happens again" not in warnings[0]
        robot.fail("text", text="Khác rồi", turn=2, conversation=id)
        await run_to_end(runs, id)
        assert robot.heard(id)[:3] == LINES
        assert await find_marked(runs, id) == [3]


def test_a_memory_that_a_kind_cannot_have_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bots.yaml"
    for kind, memory in (("openai", "lost"), ("webhook", "server_fork")):
        turn = ", turn: {url: 'http://a.example', reply: b}" if kind == "webhook" else ""
        file.write_text(f"bots:\n  x: {{kind: {kind}, memory: {memory}{turn}}}\n")
        with pytest.raises(ConfigError, match=f"memory of a bot of kind {kind} is"):
            Speakers(Settings(bots=file))

"""Hundreds of talks through the graph, with a model on either side that does what it is told: what
is declared in a persona's file is what stands in the stored lines.

PLAYED_TALKS=200 holds as many; `make soak` does.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from math import sqrt
from pathlib import Path

import pytest

from core.message import Message
from core.text import strip_marks
from graph.runs.service import RunService
from nodes.speakers.personas import Persona, rate_of
from tests.integration.engine.house import create, follow_to_end
from tests.integration.engine.test_users import Home
from tests.servers.llm import LlmServer
from tests.servers.playing import MISTAKES, PRESSES, WORDS, Player, reads_as
from tests.servers.robot import RobotServer

TALKS, TURNS, AT_ONCE = int(os.environ.get("PLAYED_TALKS", "40")), 6, 40
TELLS = """
name: Minh
goal: Learn three words.
language: Vietnamese
level: A1
sample_lines: [dạ, con hông biết, từ này khó quá cô]
facts:
  - {fact: "nhà con có chó Milu", when: {asked: ["con vật|nuôi"]}}
  - {fact: "con sắp đi học võ", when: {turn: 4}}
  - {fact: "hôm qua con bị điểm hai", when: pressed}
behaviours: {one_word: 0.3, wrong_answer: 0.2, tangent: 0.05}
typing: {no_tones: 0.25}
"""


@pytest.fixture
async def runs(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> AsyncIterator[RunService]:
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "tells.yaml").write_text(TELLS, "utf-8")
    llm.set(manner={"split": 1000, "framing": "one"})
    async with Home(tmp_path, robot.url, llm.base_url).open() as runs:
        llm.player = Player(runs.speakers.personas["tells"], mistaken=9).answer
        yield runs


async def hold(runs: RunService, seed: int, turns: int) -> list[Message]:
    """A talk of this seed with a bot that asks about one thing or another."""
    asked = {"persona": "tells", "bot_prompt": f"Bot number {seed}.", "seed": seed}
    id = await create(runs, user="simulated", max_turns=turns, **asked)
    await runs.start(id)
    await follow_to_end(runs, id, seconds=240)  # forty at once, or a hundred turns
    return await runs.messages(id)


async def hold_many(runs: RunService, count: int, turns: int) -> list[list[Message]]:
    """Talks of the seeds from 0 on, some at a time."""
    held: list[list[Message]] = []
    for first in range(0, count, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, count))
        async with asyncio.TaskGroup() as tasks:
            some = [tasks.create_task(hold(runs, seed, turns)) for seed in seeds]
        held += [talk.result() for talk in some]
    return held


def own_lines(talks: list[list[Message]]) -> list[Message]:
    return [line for talk in talks for line in talk if line["role"] == "user"]


@pytest.mark.timeout(300)
async def test_seeded_talks_keep_the_facts_back_and_show_the_declared_rates(
    runs: RunService, llm: LlmServer
) -> None:
    talks = await hold_many(runs, TALKS, TURNS)
    lines, persona = own_lines(talks), runs.speakers.personas["tells"]
    assert len(lines) == TALKS * TURNS
    check_rates(persona, lines)
    check_refusals(lines, len(llm.calls))
    told = [check_facts(talk) for talk in talks]
    for fact in persona.facts:
        count = sum(fact.fact in one for one in told)
        assert count > TALKS * 0.2, f"“{fact.fact}” is told in {count} of {TALKS} talks"


def check_rates(persona: Persona, lines: list[Message]) -> None:
    """What is stored with a line is what the line shows, and as often as it was declared."""
    for name, given in persona.behaviours.items():
        shown = [reads_as(WORDS[name], line["content"]) for line in lines]
        assert shown == [line.get("behaviour") == name for line in lines]
        check_share(sum(shown), len(lines), rate_of(given), name)
    bare = [line["content"] == strip_marks(line["content"]) for line in lines]
    assert bare == [line.get("typed") == ["no_tones"] for line in lines]
    check_share(sum(bare), len(lines), persona.typing.no_tones, "no_tones")


def check_share(count: int, total: int, rate: float, name: str) -> None:
    error = sqrt(rate * (1 - rate) / total)
    assert abs(count / total - rate) <= 3 * error, f"{name}: {count} of {total}"


def check_refusals(lines: list[Message], calls: int) -> None:
    """Each line that nobody would type was refused once, stored and counted, and never sent."""
    refused = [one for line in lines for one in line.get("discarded", ())]
    assert len(refused) > len(lines) // 12
    assert {one["text"] for one in refused} == set(MISTAKES)
    assert all(one["usage"]["output_tokens"] for one in refused)
    assert not {line["content"] for line in lines} & set(MISTAKES)
    assert calls == 2 * len(lines) + len(refused)


def check_facts(talk: list[Message]) -> set[str]:
    """Which facts were told; none of them before the bot asked, or before its turn."""
    heard, told = "", set[str]()
    for line in talk:
        if line["role"] == "assistant":
            heard += line["content"]
            continue
        due = {
            "nhà con có chó Milu": "con vật" in heard,
            "con sắp đi học võ": line["turn"] >= 4,
            "hôm qua con bị điểm hai": PRESSES in heard,
        }
        for fact, is_due in due.items():
            if reads_as(fact, line["content"]):
                assert is_due, f"turn {line['turn']}: {line['content']}"
                told.add(fact)
    return told


async def test_the_same_seed_gives_the_same_talk_and_another_one_another(
    runs: RunService, llm: LlmServer
) -> None:
    llm.player = Player(runs.speakers.personas["tells"]).answer
    one, again, other = [await hold(runs, seed, 20) for seed in (7, 7, 8)]
    said = [[(line["content"], line.get("behaviour")) for line in talk] for talk in (one, again)]
    assert said[0] == said[1]
    drawn = [[line.get("behaviour") for line in own_lines([talk])] for talk in (one, other)]
    assert drawn[0] != drawn[1]


@pytest.mark.timeout(300)
async def test_a_hundred_turns_through_the_graph_cost_a_bounded_number_of_prompt_tokens(
    runs: RunService,
) -> None:
    (talk,) = await hold_many(runs, 1, 100)
    spent = [line["usage"]["input_tokens"] for line in own_lines([talk])]
    assert len(spent) == 100
    # By turn 60 the window is full, and so is the digest of what was before.
    assert max(spent[60:]) <= 1.1 * max(spent[40:60]) < 4 * spent[1]

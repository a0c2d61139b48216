"""The demo's pace: word by word for whoever watches, at once for everything else."""

import asyncio

import pytest

from core.message import new_message
from core.scenario import Pace, Scenario
from demo import pace as pacing
from demo.scripted import ScriptedUser
from nodes.speakers.personas import Persona
from nodes.speakers.protocol import TurnRequest


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, none of which passes."""
    found: list[float] = []

    async def note(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    return found


async def hear_answer(words: int, pace: Pace) -> str:
    """What the scripted user says to a line of so many words."""
    line = new_message("assistant", " ".join(["từ"] * words), index=0, turn=0, origin="bot")
    user = ScriptedUser(Persona(kind="scripted", name="someone"))
    said = await user.say(TurnRequest("one", 1, [line], Scenario(pace=pace)), lambda _: None)
    return said.text


@pytest.mark.parametrize(("pace", "slowest"), [("normal", 550), ("slow", 250)])
async def test_a_long_line_is_followed_by_the_time_to_read_it(
    slept: list[float], pace: Pace, slowest: int
) -> None:
    words = 55
    await pacing.speak(" ".join(["từ"] * words), pace, lambda _: None)
    await hear_answer(words, pace)
    pause = max(slept)
    assert 60 * words / (words * pacing.SECONDS_A_WORD[pace] + pause) <= slowest
    assert pause <= pacing.LONGEST_READING_S


async def test_a_turn_of_single_words_takes_more_than_a_second(slept: list[float]) -> None:
    await hear_answer(1, "normal")
    assert 2 * sum(slept) >= 1.2


@pytest.mark.parametrize("pace", ["instant", None])
async def test_a_suite_waits_for_nobody(slept: list[float], pace: Pace) -> None:
    await hear_answer(55, pace)
    assert slept == []

"""What is measured of a persona: counted by hand here."""

from collections.abc import AsyncIterator

import pytest

from core.message import Message, new_message
from core.settings import Settings
from evaluation.user_check import Talk, measure, measure_variety, play, read_canned_bots
from nodes.speakers.personas import BUILT_IN, Persona, read_personas
from nodes.speakers.registry import Speakers


def line(role: str, text: str, turn: int, **more: object) -> Message:
    origin = "bot" if role == "assistant" else "simulated"
    return new_message(role, text, index=0, turn=turn, origin=origin, **more)  # type: ignore[arg-type]


FACT = {"fact": "nhà con nuôi chó Milu", "when": {"asked": ["con vật"]}}
PERSONA = Persona(name="Lan", facts=[FACT], behaviours={"one_word": 0.5})
REFUSED = {
    "text": "As an AI", "why": "…", "kind": "as_an_ai",
    "usage": {"input_tokens": 40, "output_tokens": 4},
}  # fmt: skip
TALKS = [
    Talk(
        "curious",
        [
            line("user", "chào cô ạ", 1, behaviour="one_word"),
            line("assistant", "Con có nuôi con vật nào không?", 1),
            line("user", "dạ nhà con nuôi chó tên Milu", 2, discarded=[REFUSED]),
        ],
        ended=True,
    ),
    Talk("lesson", [line("user", "nhà con nuôi chó Milu", 1)], error="user_timeout"),
]


def test_lines_refusals_tokens_and_endings_are_counted() -> None:
    found = measure(PERSONA, TALKS)
    assert (found["talks"], found["lines"], found["distinct_openings"]) == (2, 3, 2)
    assert found["refused_lines"] == {"as_an_ai": 1}
    assert found["refused_tokens"] == 44
    assert found["ended_talks"] == 0.5
    assert found["failed_talks"] == {"user_timeout": 1}
    assert found["words_a_line"] == {"mean": 5.0, "sd": 1.6, "longest": 7}


def test_behaviours_stand_beside_their_declared_rates() -> None:
    assert measure(PERSONA, TALKS)["behaviours"] == {"one_word": {"declared": 0.5, "drawn": 0.333}}


def test_a_fact_told_before_its_time_is_counted() -> None:
    (fact,) = measure(PERSONA, TALKS)["facts"].values()
    assert fact == {"talks": 2, "turns": [1, 2], "before_its_time": 1}


def test_lexical_variety_is_the_mean_over_a_moving_window() -> None:
    assert measure_variety(["a"] * 20) == 0.05
    assert measure_variety([" ".join(f"w{n}" for n in range(30))]) == 1.0
    assert measure_variety(["too few words"]) is None


@pytest.fixture
async def speakers() -> AsyncIterator[Speakers]:
    made = Speakers(Settings())
    yield made
    await made.close()


@pytest.mark.parametrize("bot", sorted(read_canned_bots()))
async def test_the_scripted_learner_talks_to_every_canned_bot(speakers: Speakers, bot: str) -> None:
    talk = await play(speakers, "learner", "scripted", bot, turns=6, number=1)
    assert talk.error is None
    assert len(talk.own) == 6 or talk.ended


SCRIPTED = sorted(id for id, one in read_personas(BUILT_IN).items() if one.script or id == "plain")


@pytest.mark.parametrize("id", SCRIPTED)
async def test_the_same_seed_is_the_same_whole_talk_and_another_number_another(
    speakers: Speakers, id: str
) -> None:
    async def hold(bot: str, number: int) -> list[tuple[str, str | None]]:
        talk = await play(speakers, id, "scripted", bot, turns=20, number=number)
        return [(line["content"], line.get("behaviour")) for line in talk.messages]

    for bot in read_canned_bots():
        assert await hold(bot, 1) == await hold(bot, 1)
    assert len({tuple(await hold("lesson", number)) for number in range(5)}) == 5

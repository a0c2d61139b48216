"""The scripted user: a persona's rules, rates and phrases."""

from collections.abc import Callable

import pytest

from core.message import new_message
from core.scenario import Scenario
from demo.learner import play_script
from demo.scripted import ScriptedUser
from nodes.speakers.personas import Persona, Typing
from nodes.speakers.protocol import TurnRequest
from nodes.speakers.script import Rates, Rule, Script

ASKS = [{"role": "assistant", "content": "Bạn nói theo mình: “juice”."}]


def persona(script: Script) -> Persona:
    return Persona(kind="scripted", name="someone", script=script)


def no_one(text: str) -> None:
    """Nobody listens."""


def lines(script: Script, count: int = 400, **typing: float) -> list[str]:
    return [play_script(ASKS, script, f"{number}", Typing(**typing))[0] for number in range(count)]


def test_the_first_rule_that_fits_is_said_before_anything_else() -> None:
    script = Script(
        rules=(
            Rule(when="banana", say=("no",)),
            Rule(when="NÓI theo", say=("{} {}?",)),
            Rule(when="nói", say=("never",)),
        )
    )
    assert set(lines(script)) == {"Juice juice?"}


def test_a_rule_is_followed_at_its_rate() -> None:
    script = Script(rules=(Rule(when="nói", say=("hm",), rate=0.3),))
    assert 0.22 < lines(script).count("hm") / 400 < 0.38


@pytest.mark.parametrize(
    ("rates", "seen", "share"),
    [
        ({}, lambda line: "juice" in line.casefold(), 1.0),
        ({"one_word": 0.5}, lambda line: line == "juice", 0.5),
        ({"wrong_answer": 0.7}, lambda line: "juice" not in line.casefold(), 0.7),
        ({"off_topic": 0.4}, lambda line: "juice" not in line.casefold(), 0.4),
        ({"impatient": 0.3}, lambda line: line.startswith("Juice. "), 0.3),
        ({"hesitates": 0.25}, lambda line: "Để mình thử" not in line, 0.25),
        ({"tangent": 0.2}, lambda line: "juice" not in line.casefold(), 0.2),
        ({"misunderstands": 0.1}, lambda line: "juice" not in line.casefold(), 0.1),
    ],
)
def test_declared_rates_are_met(
    rates: dict[str, float], seen: Callable[[str], bool], share: float
) -> None:
    given = Rates(**{"wrong_answer": 0.0, **rates})
    said = lines(Script(rates=given, phrases={"word": ("Để mình thử: {}.",)}), 1000)
    measured = sum(map(seen, said)) / len(said)
    assert abs(measured - share) <= 3 * (share * (1 - share) / len(said)) ** 0.5


@pytest.mark.parametrize(
    "name",
    [
        "one_word",
        "wrong_answer",
        "tangent",
        "misunderstands",
        "off_topic",
        "impatient",
        "hesitates",
    ],
)
def test_a_line_says_which_behaviour_it_shows_as_often_as_declared(name: str) -> None:
    given = Rates(**{"wrong_answer": 0.0, name: 0.2})
    script = Script(rates=given)
    shown = [play_script(ASKS, script, f"{number}").behaviour for number in range(1000)]
    assert set(shown) == {None, name}
    assert abs(shown.count(name) / 1000 - 0.2) <= 3 * (0.2 * 0.8 / 1000) ** 0.5


def test_chat_words_and_slips_of_the_fingers_are_typed_as_often_as_declared() -> None:
    script = Script(rates=Rates(wrong_answer=0.0), phrases={"word": ("mình không biết: {}",)})
    assert set(lines(script, 20, chat_words=1.0)) == {"mình ko bít: juice"}
    slips = [line for line in lines(script, 400, typos=0.25) if line != "mình không biết: juice"]
    assert abs(len(slips) / 400 - 0.25) <= 3 * (0.25 * 0.75 / 400) ** 0.5
    assert all(sorted(line) == sorted("mình không biết: juice") for line in slips)


def test_a_person_types_as_the_persona_says() -> None:
    script = Script(rates=Rates(wrong_answer=0.0), phrases={"word": ("Để mình thử: {}.",)})
    assert set(lines(script, 20, no_tones=1.0)) == {"De minh thu: juice."}
    assert set(lines(script, 20, no_capitals=1.0)) == {"để mình thử: juice."}
    assert 60 < lines(script, 200, no_tones=0.5).count("De minh thu: juice.") < 140


def test_patience_ends_with_a_goodbye_when_the_same_request_comes_again_and_again() -> None:
    script = Script(patience=3, phrases={"goodbye": ("thôi bye",)})
    heard = []
    for _ in range(3):
        heard += [*ASKS, {"role": "user", "content": "hm"}]
        assert play_script(heard[:-1], script).leaves is False
    assert play_script([*heard, *ASKS], script) == ("thôi bye", True, None)


async def test_nobody_leaves_before_the_least_number_of_turns() -> None:
    rude = ScriptedUser(persona(Script(rules=(Rule(when=".", say=("bye",), leaves=True),))))
    said = [new_message("assistant", "Chào", index=0, turn=0, origin="bot")]
    for turn, leaves in ((1, False), (3, True)):
        ask = TurnRequest("c", turn, said, Scenario(min_turns=3))
        assert (await rude.say(ask, no_one)).leaving is leaves


async def test_the_scenarios_seed_decides_and_without_any_seed_the_talk_does() -> None:
    said = [new_message("assistant", ASKS[0]["content"], index=0, turn=0, origin="bot")]
    script = Script(rates=Rates(wrong_answer=0.5))
    user = ScriptedUser(persona(script))

    async def line(id: str, seed: int | None) -> str:
        return (await user.say(TurnRequest(id, 1, said, Scenario(seed=seed)), no_one)).text

    assert await line("c-1", 5) == await line("c-2", 5)
    assert await line("c-1", None) == await line("c-2", None)
    assert len({await line("c", seed) for seed in range(20)}) == 3


def test_phrases_of_the_script_replace_the_stock_ones() -> None:
    script = Script(rates=Rates(wrong_answer=0.0), phrases={"word": ("nè {}",)})
    assert set(lines(script, 20)) == {"nè juice"}

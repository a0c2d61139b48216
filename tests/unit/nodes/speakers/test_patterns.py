"""Authors' expressions on what a bot says: found as written, and bounded in time."""

from typing import Any

import pytest

from demo.learner import play_script
from nodes.speakers.leaving import find_reached, is_satisfied
from nodes.speakers.patterns import LONGEST, matches
from nodes.speakers.personas import Persona
from nodes.speakers.prompting import list_open_facts
from nodes.speakers.script import Script

RUNS_AWAY = "(a|a)+$"
HOSTILE = "a" * 60 + "!"


def bot_says(text: str) -> list[Any]:
    return [{"role": "assistant", "content": text, "turn": 1, "origin": "bot"}]


def test_case_and_the_way_marks_are_stored_do_not_matter() -> None:
    assert matches("con vật", "CON VẬT nào?")
    assert not matches("con vật", "con vat")


def test_a_pattern_that_runs_away_ends_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert not matches(RUNS_AWAY, HOSTILE)
    assert "too slow" in caplog.text


def test_only_the_beginning_of_a_line_is_searched() -> None:
    assert matches("goal", " " * (LONGEST - 4) + "goal")
    assert not matches("goal", " " * LONGEST + "goal")


def test_no_pattern_of_a_persona_holds_up_a_turn() -> None:
    persona = Persona.model_validate(
        {
            "name": "Lan",
            "facts": [{"fact": "a dog", "when": {"asked": [RUNS_AWAY]}}],
            "aims": [{"aim": "hears it", "bot_says": [RUNS_AWAY]}],
            "satisfied_when": {"bot_says": [RUNS_AWAY]},
        }
    )
    said = bot_says(HOSTILE)
    assert list_open_facts(persona, said, 2) == []
    assert not is_satisfied(persona, said)
    assert find_reached(persona.model_dump(), [], "assistant", HOSTILE) == []


def test_no_rule_of_a_script_holds_up_a_turn() -> None:
    script = Script.model_validate({"rules": [{"when": RUNS_AWAY, "say": ["heard"]}]})
    assert play_script(bot_says(HOSTILE), script).text != "heard"

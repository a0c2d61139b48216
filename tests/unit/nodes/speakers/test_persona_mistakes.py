"""Each mistake that a persona file can have is told with file, line, key and the nearest word."""

from pathlib import Path
from typing import Literal

import pytest

from core.errors import ConfigError
from core.files import load
from nodes.speakers.personas import Persona
from tests.unit.nodes.speakers.mistakes import Mistake, find_line, list_mistakes

MISTAKES = list_mistakes(Persona)


def name_mistake(mistake: Mistake) -> str:
    return f"{mistake.name} {'.'.join(map(str, mistake.key))}"


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_mistake)
def test_it_is_told_once_with_its_place(tmp_path: Path, mistake: Mistake) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(mistake.text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, Persona)
    fault = caught.value
    assert (fault.file, fault.line, fault.key) == (
        str(path), find_line(mistake.text, mistake.key), ".".join(map(str, mistake.key)),
    )  # fmt: skip
    assert mistake.says in fault.reason
    assert list(fault.others) == []


def test_every_key_at_every_level_is_got_wrong_in_several_ways() -> None:
    kinds = {mistake.name for mistake in MISTAKES}
    assert kinds >= {"misspelt", "missing", "unknown", "minimum", "maximum", "maxLength"}
    assert kinds >= {"maxItems", "minItems", "no expression", "string as", "array as"}
    ways = [mistake.key for mistake in MISTAKES]
    for key in (*((name,) for name in Persona.model_fields), ("script", "rules", 0, "rate")):
        assert ways.count(key) >= 2, key


def test_a_new_key_is_got_wrong_without_a_word_here() -> None:
    class Moody(Persona):
        mood: Literal["good", "bad"] = "good"

    found = {(mistake.name, mistake.key) for mistake in list_mistakes(Moody)}
    assert {("unknown", ("mood",)), ("misspelt", ("moodd",)), ("number as", ("mood",))} <= found

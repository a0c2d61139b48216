from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from core.scenario import Scenario
from evaluation.scenarios import ScenarioFile, load_scenario

DRINK = """
name: Orders a drink
persona: [child, shy]
max_turns: 12
checks:
  - bot_says: juice
  - after: {user_says: "hông hiểu", bot_says: {re: "lại|again"}, within: 2}
  - never_before: {bot_says: "tạm biệt", user_says: juice}
  - bot_language: {vi: 0.6}
  - ended: [bot_ended, user_done]
  - turns: {at_most: 10}
  - latency_s: {p95: 3}
  - words_a_reply: {at_most: 60}
  - no_repeats: bot
  - no_leftovers: bot
  - session: {path: score, at_least: 3}
  - python: checks/stars.py:counts_stars
criteria:
  - corrects: When the learner says a wrong word, does the robot correct it kindly?
  - {id: patience, ask: How patient is the robot?, scale: [1, 5], pass_at: 4}
  - {praises: Does it praise?, must: false, turn: 2}
tags: [smoke, drinks]
"""


def written(folder: Path, text: str, name: str = "drink.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_scenario_is_the_engines_with_checks_and_criteria(tmp_path: Path) -> None:
    found = load_scenario(written(tmp_path, DRINK))
    assert (found.id, found.name, found.personas) == ("drink", "Orders a drink", ["child", "shy"])
    assert len(found.checks) == 12
    assert [one.id for one in found.criteria] == ["corrects", "patience", "praises"]
    assert found.criteria[0].ask.startswith("When the learner")


def test_what_is_played_is_one_persona_and_one_bot(tmp_path: Path) -> None:
    played = load_scenario(written(tmp_path, DRINK)).play(persona="shy", bot_id="16-next")
    assert type(played) is Scenario
    assert (played.persona, played.bot_id, played.max_turns) == ("shy", "16-next", 12)


def test_what_is_reported_only_is_not_required(tmp_path: Path) -> None:
    found = load_scenario(written(tmp_path, DRINK))
    assert "praises" in found.question_ids
    assert "praises" not in found.required_ids
    assert len(found.required_ids) == 14


def test_a_scenario_survives_json(tmp_path: Path) -> None:
    found = load_scenario(written(tmp_path, DRINK))
    assert ScenarioFile.model_validate_json(found.model_dump_json(exclude_defaults=True)) == found


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("chekcs: []", 1, "chekcs", "did you mean checks?"),
        ("checks:\n  - bot_say: juice", 2, "checks.0", "did you mean bot_says?"),
        ("checks:\n  - bot_says: a\n    wher: last", 3, "checks.0.wher", "did you mean where?"),
        ("checks:\n  - bot_says: a\n    where: lst", 3, "checks.0.where", "did you mean last?"),
        ("checks:\n  - ended: [bot_endd]", 2, "checks.0.ended", "did you mean bot_ended?"),
        ('checks:\n  - bot_says: {re: "("}', 2, "checks.0.bot_says.re", "missing )"),
        ("checks:\n  - {bot_says: a, user_says: b}", 2, "checks.0", "write bot_says and user_says"),
        ("lines:\n  - sya: xin", 2, "lines.0.sya", "did you mean say?"),
        ("name: a\nname: b", 2, "", "name stands twice here, first in line 1"),
        ("criteria:\n  - {id: a, ask: b, scale: [1, 5]}", 2, "criteria.0", "belong together"),
        ("criteria:\n  - {a: b, scal: [1, 5]}", 2, "criteria.0", ""),
        ("criteria:\n  - {a: b, scale: [1, 5], pass_at: 9}", 2, "criteria.0", "from 1 to 5"),
        ("criteria:\n  - a: b\n  - a: c", 1, "", "two checks or criteria are named a"),
        (
            "criteria:\n  - turns: b\nchecks:\n  - turns: {at_most: 3}\n    id: turns",
            1,
            "",
            "turns",
        ),
        ("max_turn: 3", 1, "max_turn", "did you mean max_turns?"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_the_nearest_word(
    tmp_path: Path, text: str, line: int, key: str, reason: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert caught.value.key.startswith(key)
    assert reason in caught.value.reason


def test_a_list_of_no_persona_is_none() -> None:
    data: dict[str, Any] = {"persona": [], "checks": [{"bot_says": "a"}]}
    assert ScenarioFile.model_validate(data).personas == []

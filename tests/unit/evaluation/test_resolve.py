"""From files to cells and trials: EVALUATION, sections 2, 3 and 5."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.settings import Settings
from evaluation.cells import ResolvedSuite
from evaluation.fingerprints import PARTS, find_moved
from evaluation.project import Project
from evaluation.resolve import Selection, load_suite, resolve_all, resolve_body
from evaluation.suites import JudgeConfig, SuiteBody
from evaluation.verdicts import TrialKey
from tests.servers.process import ROOT

BOTS = """
bots:
  16: {kind: demo}
  16-next: {kind: webhook, preset: robot-lesson, base_url: "http://u:p@127.0.0.1:1",
            headers: {X-Key: sk-123, Authorization: "Bearer ${TOKEN}"}}
  paid: {kind: openai, model: gpt-9000, api_key: "${KEY}"}
"""
PERSONA = "name: {name}\ngoal: orders a drink\n"
DRINK = "name: Orders a drink\ntags: [smoke]\nchecks:\n  - bot_says: juice\n"
GREET = "persona: wrong\nchecks:\n  - bot_says: chào\ncriteria:\n  - kind: Is the bot kind?\n"
SUITE = """
name: Every night
scenarios: [scenarios/*.yaml]
personas: [child, shy]
bots: [16, 16-next]
repeats: 2
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the project and gives its path; a small project is there already."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    write("bots.yaml", BOTS)
    for id in ("child", "shy", "wrong"):
        write(f"personas/{id}.yaml", PERSONA.format(name=id))
    write("scenarios/drink.yaml", DRINK)
    write("scenarios/greet.yaml", GREET)
    return write


@pytest.fixture
def project(write: Write, tmp_path: Path) -> Project:
    return Project.open(Settings(model="gpt-4.1", openai_base_url="http://127.0.0.1:1"), tmp_path)


@pytest.fixture
def resolve(write: Write, project: Project) -> Callable[..., ResolvedSuite]:
    def resolve(suite: str = SUITE, **only: Any) -> ResolvedSuite:
        return load_suite(write("suites/night.yaml", suite), project, Selection(**only))

    return resolve


Resolve = Callable[..., ResolvedSuite]


# --- cells and trials -----------------------------------------------------------------------------


def test_a_suite_is_scenarios_times_personas_times_bots_times_repeats(resolve: Resolve) -> None:
    suite = resolve()
    assert [str(cell.key) for cell in suite.cells] == [
        "drink/child/16",
        "drink/child/16-next",
        "drink/shy/16",
        "drink/shy/16-next",
        "greet/wrong/16",
        "greet/wrong/16-next",
    ]
    trials = list(suite.trials())
    assert suite.count == len(trials) == len(set(trials)) == 12
    assert trials[0] == TrialKey("drink", "child", "16", 1)


def test_a_suite_tells_who_plays_each_persona(
    resolve: Resolve, write: Write, tmp_path: Path
) -> None:
    write("personas/shy.yaml", PERSONA.format(name="shy") + "model: own-model\n")
    write("personas/wrong.yaml", PERSONA.format(name="wrong") + "kind: scripted\n")
    settings = Settings(model="gpt-4.1", user_model="user-lm", openai_base_url="http://127.0.0.1:1")
    suite = load_suite(
        write("suites/night.yaml", SUITE), Project.open(settings, tmp_path), Selection()
    )
    assert [tuple(one.model_dump().values()) for one in suite.simulators] == [
        ("child", "model", "user-lm"),
        ("shy", "model", "own-model"),
        ("wrong", "scripted", None),
    ]
    assert suite.hash == suite.model_copy(update={"simulators": []}).hash


def test_a_scenarios_own_personas_win_over_the_suites(resolve: Resolve) -> None:
    assert {c.persona for c in resolve().cells if c.scenario == "greet"} == {"wrong"}


def test_the_suites_bots_win_over_a_scenarios(resolve: Resolve, write: Write) -> None:
    write("scenarios/drink.yaml", "bot_id: 16-next\n" + DRINK)
    assert {cell.bot for cell in resolve(SUITE.replace("bots:", "# bots:")).cells} == {
        "16",
        "16-next",
    }
    assert {cell.bot for cell in resolve(SUITE.replace(", 16-next", "")).cells} == {"16"}


def test_exclude_leaves_out_the_cells_to_which_all_of_it_applies(resolve: Resolve) -> None:
    suite = resolve(SUITE + "exclude: [{persona: wrong, bot: 16-next}, {scenario: drink, bot: 16}]")
    assert [str(cell.key) for cell in suite.cells] == [
        "drink/child/16-next",
        "drink/shy/16-next",
        "greet/wrong/16",
    ]


@pytest.mark.parametrize(
    ("only", "count"),
    [
        ({"bots": ["16"]}, 6),
        ({"personas": ["shy"]}, 4),
        ({"tags": ["smoke"]}, 8),
        ({"text": "DRINK"}, 8),
        ({"repeats": 5}, 30),
    ],
)
def test_what_is_selected_is_all_that_runs(
    resolve: Resolve, only: dict[str, Any], count: int
) -> None:
    assert resolve(**only).count == count


def test_a_scenario_may_stand_in_the_suite(resolve: Resolve) -> None:
    suite = resolve("name: x\nscenarios:\n  - {id: here, checks: [{bot_says: a}]}\n")
    assert [str(cell.key) for cell in suite.cells] == ["here/-/16"]


def test_auto_repeats_have_as_many_trials_as_there_can_be(resolve: Resolve, write: Write) -> None:
    write("scenarios/greet.yaml", GREET + "repeats: 3\n")
    suite = resolve(
        SUITE.replace("repeats: 2", "repeats: {auto: true, good: 0.9, bad: 0.6, max: 7}")
    )
    assert suite.count == 4 * 7 + 2 * 3


def test_repeats_are_spread_so_that_every_cell_has_one_before_any_has_two(resolve: Resolve) -> None:
    assert [trial.repeat for trial in resolve().trials()] == [1] * 6 + [2] * 6


def test_without_a_suite_all_scenarios_run_once_each(project: Project, write: Write) -> None:
    write("scenarios/talk.yaml", "max_turns: 3\n")
    assert [str(cell.key) for cell in resolve_all(project).cells] == [
        "drink/-/16",
        "greet/wrong/16",
    ]


def test_the_bot_that_ships_is_known_whatever_was_imported_before(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from core.settings import Settings;"
        "from evaluation.project import Project; print(*Project.open(Settings(), Path()).bots)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-c", code]
    found = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert "16" in found.stdout.split()


def test_opening_ten_thousand_trials_is_no_matter_of_seconds(resolve: Resolve) -> None:
    began = process_time()
    suite = resolve(SUITE.replace("repeats: 2", "repeats: 1700"))
    trials = list(suite.trials())
    took = process_time() - began
    assert len(trials) == 10_200
    assert took < 5, f"{took:.3f} s"  # make bench holds the 0.1 s


# --- the record -----------------------------------------------------------------------------------


def test_a_resolved_suite_survives_json_and_keeps_its_hash(resolve: Resolve) -> None:
    suite = resolve(SUITE + "gate: {pass_rate: 0.9}\njudge: {model: gpt-4.1, votes: 3}")
    again = ResolvedSuite.model_validate_json(suite.model_dump_json(exclude_defaults=True))
    assert again == suite
    assert again.hash == suite.hash
    assert list(again.trials()) == list(suite.trials())
    assert again.judges == ["gpt-4.1"] * 3


def test_the_hash_follows_what_is_run_and_not_where_it_lies(resolve: Resolve, write: Write) -> None:
    before = resolve().hash
    assert resolve().hash == before
    write("scenarios/unused.yml", "checks: [{bot_says: a}]")
    assert resolve().hash == before
    write("personas/shy.yaml", PERSONA.format(name="shy") + "style: whispers\n")
    assert load_suite_anew(write).hash != before


def load_suite_anew(write: Write, **changes: Any) -> ResolvedSuite:
    path = write("suites/night.yaml", SUITE)
    root = path.parent.parent
    given = {"model": "gpt-4.1", "openai_base_url": "http://127.0.0.1:1", **changes}
    return load_suite(path, Project.open(Settings.model_validate(given), root))


def test_bots_are_kept_without_secrets(resolve: Resolve) -> None:
    kept = resolve().bots["16-next"]
    assert kept["headers"] == {"X-Key": "***", "Authorization": "Bearer ${TOKEN}"}
    assert "u:p" not in kept["base_url"]


# --- fingerprints ---------------------------------------------------------------------------------


def cell_of(suite: ResolvedSuite, key: str) -> Any:
    return next(cell for cell in suite.cells if str(cell.key) == key)


def test_a_fingerprint_never_depends_on_the_bot(resolve: Resolve, write: Write) -> None:
    suite = resolve()
    one, other = cell_of(suite, "drink/shy/16"), cell_of(suite, "drink/shy/16-next")
    assert find_moved(one.fingerprint, other.fingerprint) == []
    write("bots.yaml", BOTS.replace("127.0.0.1:1", "127.0.0.1:2"))
    assert cell_of(load_suite_anew(write), "drink/shy/16").fingerprint == one.fingerprint
    assert list(one.fingerprint) == list(PARTS)


@pytest.mark.parametrize(
    ("name", "old", "new", "moved"),
    [
        ("personas/wrong.yaml", "orders", "refuses", ["persona"]),
        ("scenarios/greet.yaml", "chào", "hello", ["checks"]),
        ("scenarios/greet.yaml", "Is the bot kind", "Is it kind", ["criteria"]),
        ("scenarios/greet.yaml", "persona:", "max_turns: 3\npersona:", ["scenario"]),
        ("scenarios/greet.yaml", "persona:", "user: scripted\npersona:", ["scenario", "simulator"]),
    ],
)
def test_what_moved_is_named(
    resolve: Resolve, write: Write, tmp_path: Path, name: str, old: str, new: str, moved: list[str]
) -> None:
    before = cell_of(resolve(), "greet/wrong/16").fingerprint
    write(name, (tmp_path / name).read_text("utf-8").replace(old, new))
    after = cell_of(load_suite_anew(write), "greet/wrong/16").fingerprint
    assert find_moved(before, after) == moved


@pytest.mark.parametrize(
    ("settings", "card", "scenario", "moved"),
    [
        ({"model": "other"}, "", "", ["simulator"]),
        ({"user_model": "other"}, "", "", ["simulator"]),
        ({"user_model": "gpt-4.1"}, "", "", []),
        ({}, "model: other\n", "", ["persona", "simulator"]),
        ({}, "", "user_model: other\n", ["scenario", "simulator"]),
        ({"model": "other"}, "kind: scripted\n", "", None),
    ],
)
def test_the_fingerprint_names_the_model_that_plays_the_user(
    write: Write,
    settings: dict[str, Any],
    card: str,
    scenario: str,
    moved: list[str] | None,
) -> None:
    before = cell_of(load_suite_anew(write), "drink/shy/16").fingerprint
    write("personas/shy.yaml", PERSONA.format(name="shy") + card)
    write("scenarios/drink.yaml", scenario + DRINK)
    after = cell_of(load_suite_anew(write, **settings), "drink/shy/16").fingerprint
    if moved is not None:
        assert find_moved(before, after) == moved
        return
    again = cell_of(load_suite_anew(write, model="third"), "drink/shy/16").fingerprint
    assert find_moved(after, again) == []


def test_another_judge_moves_what_is_judged_and_no_more(resolve: Resolve) -> None:
    before, after = resolve(), resolve(SUITE + "judge: {model: gpt-4o, votes: 3}")
    for key, moved in (("greet/wrong/16", ["judge"]), ("drink/shy/16", [])):
        fingerprints = [cell_of(suite, key).fingerprint for suite in (before, after)]
        assert find_moved(*fingerprints) == moved


def test_a_changed_python_check_moves_the_checks(resolve: Resolve, write: Write) -> None:
    write("checks/stars.py", "def f(t): return True\n")
    write("scenarios/drink.yaml", DRINK + "  - python: checks/stars.py:f\n")
    before = cell_of(resolve(), "drink/shy/16").fingerprint
    write("checks/stars.py", "def f(t): return False\n")
    assert find_moved(before, cell_of(resolve(), "drink/shy/16").fingerprint) == ["checks"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "reason"),
    [
        ("[child, shy]", "[child, shi]", 4, "personas.1", "no persona shi; did you mean shy?"),
        ("16-next]", "16-nxt]", 5, "bots.1", "no bot 16-nxt; did you mean 16-next?"),
        ("scenarios/*", "scenarios/drnk", 3, "scenarios.0", "did you mean scenarios/drink.yaml?"),
        ("repeats: 2", "repeat: 2", 6, "repeat", "did you mean repeats?"),
        ("repeats: 2", "repeats: 0", 6, "repeats", "greater than or equal to 1"),
        ("repeats: 2", "gate: {criteria: {kindd: 1}}", 6, "gate.criteria.kindd", "mean kind?"),
        ("repeats: 2", "gate: {pass_rat: 1}", 6, "gate.pass_rat", "did you mean pass_rate?"),
        ("repeats: 2", "judge: {votes: 2}", 6, "judge", "must be odd"),
        ("repeats: 2", "judge: {model: [a, b]}", 6, "judge", "must be odd"),
        ("repeats: 2", "judge: {model: [a, b, c], votes: 5}", 6, "judge", "3 models are named"),
        ("repeats: 2", "judge: {api_key: sk-123}", 6, "judge.api_key", "match"),
        ("repeats: 2", "exclude: [{persona: wrng}]", 6, "exclude.0.persona", "mean wrong?"),
        ("repeats: 2", "exclude: [{bot: 61}]", 6, "exclude.0.bot", "there are: 16, 16-next"),
        ("repeats: 2", "exclude: [{scenario: drnk}]", 6, "exclude.0.scenario", "mean drink?"),
        ("repeats: 2", "exclude: [{}]", 6, "exclude.0", "leave out everything"),
        ("repeats: 2", "exclude: [{bot: 16}, {bot: 16-next}]", 6, "exclude", "no trial"),
        ("repeats: 2", "repeats: {auto: true, max: 100000}", 6, "repeats", "more than 100000"),
        ("repeats: 2", "repeats: {auto: true, good: 0.5, bad: 0.6}", 6, "repeats", "below good"),
        ("[scenarios/*.yaml]", "[scenarios/*.yaml, scenarios/drink.yaml]", 3, "scenarios.1", "two"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_the_nearest_word(
    resolve: Resolve, tmp_path: Path, old: str, new: str, line: int, key: str, reason: str
) -> None:
    assert old in SUITE
    with pytest.raises(ConfigError) as caught:
        resolve(SUITE.replace(old, new))
    error = caught.value
    assert (error.file, error.line) == (str(tmp_path / "suites" / "night.yaml"), line)
    assert error.key.startswith(key)
    assert reason in error.reason


def test_a_suites_persona_is_known_though_every_scenario_names_its_own(
    resolve: Resolve, tmp_path: Path
) -> None:
    own = SUITE.replace("scenarios/*", "scenarios/greet").replace("[child, shy]", "[child, wrogn]")
    with pytest.raises(ConfigError, match="no persona wrogn; did you mean wrong") as caught:
        resolve(own)
    assert (caught.value.line, caught.value.key) == (4, "personas.1")


def test_an_exclusion_of_what_was_not_selected_is_taken(resolve: Resolve) -> None:
    assert resolve(SUITE + "exclude: [{scenario: greet, bot: 16}]", text="drink").count == 8


def test_a_scenario_with_neither_check_nor_criterion_is_refused(
    resolve: Resolve, write: Write
) -> None:
    path = write("scenarios/talk.yaml", "max_turns: 3\n")
    with pytest.raises(ConfigError, match="neither checks nor criteria") as caught:
        resolve()
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("none/stars.py:f", "no file is none/stars.py"),
        ("checks/star.py:f", "did you mean checks/stars.py?"),
        ("checks/stars.py:counts_star", "no function counts_star; did you mean counts_stars?"),
        ("checks/bad.py:f", "not Python"),
    ],
)
def test_a_python_check_that_is_not_there_is_refused_before_anything_runs(
    resolve: Resolve, write: Write, place: str, reason: str
) -> None:
    write("checks/stars.py", "def counts_stars(t): return True\n")
    write("checks/bad.py", "def f(t:\n")
    path = write("scenarios/drink.yaml", DRINK + f"  - python: {place}\n")
    with pytest.raises(ConfigError) as caught:
        resolve()
    error = caught.value
    assert (error.file, error.line, error.key) == (str(path), 5, "checks.1.python")
    assert reason in error.reason


@pytest.mark.parametrize(
    "code",
    [
        "f = len\n",
        "from os.path import *\n",
        "import os.path as f\n",
        "try:\n    from x import f\nexcept ImportError:\n    def f(t): return True\n",
        "if 1:\n    g, f = 1, len\n",
        "def __getattr__(name): return len\n",
    ],
)
def test_a_function_that_is_made_in_another_way_is_taken(
    resolve: Resolve, write: Write, code: str
) -> None:
    write("checks/made.py", code)
    write("scenarios/drink.yaml", DRINK + "  - python: checks/made.py:f\n")
    assert resolve().cells


def test_a_scenario_in_the_suite_names_the_line_of_its_python_check(
    resolve: Resolve, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("name: x\nscenarios:\n  - id: a\n    checks:\n      - python: c/n.py:f\n")
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "suites" / "night.yaml"), 5)


def test_a_scenario_that_needs_a_person_is_refused(resolve: Resolve, write: Write) -> None:
    path = write("scenarios/drink.yaml", "user: human\n" + DRINK)
    with pytest.raises(ConfigError, match="no person") as caught:
        resolve()
    assert (caught.value.file, caught.value.line) == (str(path), 1)


def test_a_suite_of_zero_trials_is_refused(resolve: Resolve) -> None:
    with pytest.raises(ConfigError, match="nothing fits what was selected"):
        resolve(text="nothing like it")


def test_a_cost_limit_with_an_unknown_price_is_refused(resolve: Resolve, write: Write) -> None:
    suite = SUITE.replace("16-next", "paid") + "budget: {cost_usd: 5}"
    with pytest.raises(ConfigError, match="price of gpt-9000 is unknown") as caught:
        resolve(suite)
    assert caught.value.key == "budget.cost_usd"
    price = "{model: gpt-9000, input: 0, output: 0, date: 2026-01-01, source: ours}"
    path = write("prices.yaml", f"prices: [{price}]")
    write("suites/night.yaml", suite)
    settings = Settings(model="gpt-4.1", openai_base_url="http://127.0.0.1:1")
    project = Project.open(settings, path.parent)
    assert load_suite(path.parent / "suites" / "night.yaml", project).count == 12


# --- over HTTP ------------------------------------------------------------------------------------


def test_a_suite_over_http_names_its_scenarios_by_id(project: Project) -> None:
    body = SuiteBody(name="x", scenarios=["greet"], bots=[16])
    assert [str(cell.key) for cell in resolve_body(body, project).cells] == ["greet/wrong/16"]


@pytest.mark.parametrize(
    "fields",
    [
        {"scenarios": ["scenarios/*.yaml"]},
        {"scenarios": ["../../etc/passwd"]},
        {"scenarios": [{"id": "a", "checks": [{"python": "a.py:f"}]}]},
        {"scenarios": ["greet"], "judge": {"base_url": "http://169.254.169.254"}},
        {"scenarios": ["greet"], "judge": {"api_key": "${HOME}"}},
        {"scenarios": []},
    ],
)
def test_a_suite_over_http_brings_no_paths_code_or_addresses(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SuiteBody(name="x", **fields)


def test_an_unknown_scenario_over_http_names_the_nearest(project: Project) -> None:
    with pytest.raises(ConfigError, match="no scenario gret; did you mean greet"):
        resolve_body(SuiteBody(name="x", scenarios=["gret"]), project)


def test_a_list_of_models_is_a_panel_of_one_vote_each() -> None:
    assert JudgeConfig(model=["a", "b", "c"]).panel("d") == ["a", "b", "c"]
    assert JudgeConfig(votes=3).panel("d") == ["d", "d", "d"]
    assert JudgeConfig().panel("d") == ["d"]

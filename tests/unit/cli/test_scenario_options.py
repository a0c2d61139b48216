"""From what was typed to a scenario, with every mistake told where it stands."""

import io
import sys
from pathlib import Path

import pytest

from cli import arguments, scenario_options
from core.errors import ConfigError, Invalid
from core.scenario import HistoryLine, Scenario
from core.settings import Settings


def scenario(*argv: str) -> Scenario:
    options = arguments.parse_arguments(["run", *argv])
    return scenario_options.build_scenario(options, Settings(max_turns=50), options.persona)


def file(folder: Path, text: str) -> str:
    path = folder / "history.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_bare_run_is_the_bare_scenario() -> None:
    assert scenario() == Scenario()


def test_every_option_arrives() -> None:
    given = "--bot b --turns 3 --user-prompt u --persona p --bot-prompt q --initial-message i"
    more = "--first-speaker bot --user scripted --time-limit 2.5 --soft-turns 2 --token-limit 900"
    assert scenario(*given.split(), *more.split()) == Scenario(
        bot_id="b",
        max_turns=3,
        user_prompt="u",
        persona="p",
        bot_prompt="q",
        initial_message="i",
        first_speaker="bot",
        user="scripted",
        time_limit_s=2.5,
        soft_turns=2,
        token_limit=900,
    )


@pytest.mark.parametrize(
    ("argv", "option"),
    [
        (["--turns", "0"], "--turns"),
        (["--soft-turns", "0"], "--soft-turns"),
        (["--token-limit", "-1"], "--token-limit"),
        (["--turns", "-1"], "--turns"),
        (["--turns", "51"], "--turns"),
        (["--turns", "1000000000"], "--turns"),
        (["--bot", "a b"], "--bot"),
        (["--time-limit", "0"], "--time-limit"),
        (["--time-limit", "nan"], "--time-limit"),
        (["--initial-message", "  "], "--initial-message"),
        (["--persona", "a b"], "--persona"),
    ],
)
def test_bad_value_names_its_option(argv: list[str], option: str) -> None:
    with pytest.raises(Invalid) as error:
        scenario(*argv)
    assert scenario_options.option_name(error.value.field or "") == option


def test_what_the_shell_could_not_decode_is_replaced() -> None:
    assert scenario("--initial-message", "a\udcff").initial_message == "a\ufffd"


# --- history --------------------------------------------------------------------------------------


def test_history_is_read_as_it_was_said(tmp_path: Path) -> None:
    said = '[{"role": "user", "content": "sa\u0306\u0303n"}, {"role": "assistant", "content": "Ừ"}]'
    lines = scenario("--history", file(tmp_path, said)).history
    assert lines == [
        HistoryLine(role="user", content="sa\u0306\u0303n"),
        HistoryLine(role="assistant", content="Ừ"),
    ]


def test_history_may_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '\ufeff[{"role": "user", "content": "chào"}]'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert scenario_options.load_history("-") == [{"role": "user", "content": "chào"}]


GOOD = '{"role": "user", "content": "[{,\\"\\n"}'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[\n{"role": ]', ":2: is not JSON"),
        ("", ":1: is not JSON"),
        ('{"role": "user"}', ": Input should be a valid list"),
        (f'[{GOOD},\n\n {{"role": "robot", "content": "x"}}]', ":3: 1.role: "),
        (f'[{GOOD}\n,\n{GOOD} , {{"role": "user"}}]', ":3: 2.content: Field required"),
        ('[{"role": "user", "content": " "}]', ":1: 0.content: "),
        ('[{"role": "user", "content": "x", "name": "y"}]', ":1: 0.name: "),
        ("[1]", ":1: 0: "),
        ("[" * 100_000, ": is nested too deeply"),
    ],
)
def test_bad_history_is_told_with_line_and_key(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as error:
        scenario_options.load_history(file(tmp_path, text))
    assert str(error.value).startswith(f"{tmp_path / 'history.json'}{place}")


def test_history_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--history: No such file"):
        scenario_options.load_history(str(tmp_path / "nope"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe[]")
    with pytest.raises(ConfigError, match="--history: is not UTF-8"):
        scenario_options.load_history(str(tmp_path / "binary"))


# --- personas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "learner", "my.persona"])
def test_persona_without_a_folder_or_yaml_is_an_id(given: str | None) -> None:
    assert scenario_options.load_persona(given) == (given, None)


def test_persona_file_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "chị Lan.yaml"
    path.write_text("name: Lan\nopening: chào\n", encoding="utf-8")
    id, card = scenario_options.load_persona(str(path))
    assert (id, card and card.opening) == ("chị-Lan", "chào")


def test_bad_persona_file_is_told_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: Lan\nmood: fine\n")
    with pytest.raises(ConfigError, match=r"p\.yaml:2: mood: "):
        scenario_options.load_persona(str(path))


# --- lines ----------------------------------------------------------------------------------------


def test_planned_lines_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text("- một\n- simulate: 2\n- say: hai\n- simulate: rest\n", encoding="utf-8")
    plan = ["một", {"simulate": 2}, {"say": "hai"}, {"simulate": "rest"}]
    assert scenario("--lines", str(path)).lines == plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- một\n- simulat: 2\n", ":2: 1.simulat: not permitted here; did you mean simulate?"),
        ("- simulate: -2\n", ":1: 0.simulate: should be a whole number from 1 to 2000, or rest"),
        ("- simulate: 1.5\n", ":1: 0.simulate: should be a whole number from 1 to 2000, or rest"),
        ("- [say, một]\n", ":1: 0: give a text, or either `say` with a text or `sim"),
        ("say: một\n", ":1: "),
        (
            "- một\n- simulate: res\n",
            ":2: 1.simulate: should be a whole number from 1 to 2000, or rest; did you",
        ),
        ("- say: 3\n", ":1: 0.say: Input should be a valid string"),
        ("- say: ''\n", ":1: 0.say: String should have at least 1 character"),
        ("- {say: a, simulate: 2}\n", ":1: 0: give a text, or either `say` with a text or `sim"),
        ("- {}\n", ":1: 0: give a text, or either `say` with a text or `sim"),
    ],
)
def test_a_mistake_in_planned_lines_is_told_with_line_and_key(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        scenario("--lines", str(path))
    assert f"{path}{told}" in str(error.value)
    assert "\n" not in str(error.value)

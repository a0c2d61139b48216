"""What can be typed, and what is refused before anything is imported or opened."""

import subprocess
import sys
from importlib import import_module

import pytest

from cli import arguments
from cli.commands import COMMANDS, CommandEntry

SLOW = ("pydantic", "rich", "langgraph", "dotenv", "asyncio")


def test_help_imports_nothing_slow() -> None:
    told = f"import sys, cli.main; print([m for m in {SLOW} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", told], text=True) == "[]\n"


def test_langgraph_is_strict_whatever_the_environment_says() -> None:
    program = (
        "import os; os.environ['LANGGRAPH_STRICT_MSGPACK'] = 'false'; import cli.main, core.state;"
        "from langgraph.checkpoint.serde import _msgpack; print(_msgpack.STRICT_MSGPACK_ENABLED)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "True\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse_arguments([command, "--help"])
    assert ended.value.code == 0
    assert f"duologue {command}" in capsys.readouterr().out


@pytest.mark.parametrize("entry", COMMANDS.values(), ids=COMMANDS)
def test_every_command_leads_to_a_function(entry: CommandEntry) -> None:
    module, _, name = entry.function.partition(":")
    assert callable(getattr(import_module(module), name))


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse_arguments(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("duologue 0.")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["dance"],
        ["run", "--turns", "many"],
        ["run", "--user", "human"],
        ["run", "--first-speaker", "judge"],
        ["run", "--bo", "16"],
        ["resume"],
        ["resume", "id", "--in-flight", "ask"],
        ["list", "--status", "asleep"],
        ["list", "--limit", "0"],
        ["ui"],
    ],
)
def test_what_does_not_fit_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse_arguments(argv)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_run_has_the_defaults_of_the_manual() -> None:
    options = arguments.parse_arguments(["run"])
    assert (options.bot, options.turns, options.json) == (16, 10, False)
    assert options.demo_delay_s is None


@pytest.mark.parametrize(
    ("given", "id"), [("16", 16), ("0", 0), ("lesson-1", "lesson-1"), ("007", "007"), ("٣", "٣")]
)
def test_bot_ids_are_numbers_or_names(given: str, id: int | str) -> None:
    assert arguments.parse_arguments(["run", "--bot", given]).bot == id


@pytest.mark.parametrize(
    "argv",
    [
        ["--database", "x", "list"],
        ["list", "--database", "x"],
        ["--database", "x", "experiment", "import", "f"],
        ["experiment", "--database", "x", "import", "f"],
        ["experiment", "import", "f", "--database", "x"],
        ["bot", "list", "--database", "x"],
    ],
    ids=" ".join,
)
def test_places_are_taken_before_and_behind_the_command(argv: list[str]) -> None:
    assert arguments.parse_arguments(argv).database_url == "x"


def test_place_behind_the_command_wins() -> None:
    assert arguments.parse_arguments(["--bots", "a", "list", "--bots", "b"]).bots == "b"


def test_delay_without_a_number_is_a_second() -> None:
    assert arguments.parse_arguments(["run", "--delay"]).demo_delay_s == 1.0
    assert arguments.parse_arguments(["run", "--delay", "0.2"]).demo_delay_s == 0.2

"""Settings from options, environment and `.env`."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import arguments, setup
from core.errors import ConfigError
from core.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that is put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return tmp_path


def settings(*argv: str) -> Settings:
    return setup.load_settings(arguments.parse_arguments(argv))


def test_dotenv_stands_behind_the_real_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("DUOLOGUE_MODEL=small\nDUOLOGUE_PORT=1234\n")
    monkeypatch.setenv("DUOLOGUE_PORT", "4321")
    found = settings("list")
    assert (found.model, found.port) == ("small", 4321)


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_PORT", "4321")
    monkeypatch.setenv("DUOLOGUE_DATABASE_URL", "sqlite:///a.db")
    found = settings("--database", "sqlite:///b.db", "serve", "--port", "80", "--no-ui")
    assert (found.port, found.database_url, found.ui) == (80, "sqlite:///b.db", False)


def test_serve_leaves_the_page_and_the_resuming_as_they_are_set() -> None:
    found = settings("serve")
    assert found.ui
    assert found.resume_on_start


def test_one_conversation_does_not_wake_the_others() -> None:
    assert not settings("resume", "id").resume_on_start


def test_bots_file_that_was_asked_for_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"nope\.yaml: --bots: there is no such file"):
        settings("--bots", "nope.yaml", "run")


def test_binary_dotenv_is_refused_by_name(folder: Path) -> None:
    (folder / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigError, match=r"^\.env: cannot be read"):
        settings("list")


def test_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_PORT", "abc")
    with pytest.raises(ConfigError, match="environment: DUOLOGUE_PORT: "):
        settings("list")


def test_bad_option_is_blamed_in_place_of_its_variable() -> None:
    options = arguments.parse_arguments(["serve", "--port", "99999"])
    with pytest.raises(ConfigError) as error:
        setup.load_settings(options)
    assert setup.describe_config_error(error.value, options).startswith("--port: ")
    assert setup.describe_config_error(
        error.value, arguments.parse_arguments(["serve"])
    ).startswith("environment: ")


@pytest.fixture
def loggers() -> Iterator[None]:
    """The loggers as they were, when the test is over."""
    known = [logging.getLogger(name) for name in ("duologue", "uvicorn", "uvicorn.error")]
    before = [(one.handlers, one.propagate, one.level) for one in known]
    yield
    for one, (handlers, propagate, level) in zip(known, before, strict=True):
        for handler in one.handlers:
            if handler not in handlers:
                handler.close()
        one.handlers, one.propagate, one.level = handlers, propagate, level


@pytest.mark.usefixtures("loggers")
def test_log_file_has_json_lines_without_secrets_in_a_folder_that_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUOLOGUE_LOG_FILE", "logs/deep/duologue.log")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")
    setup.log_to_file(settings("list"))
    logging.getLogger("duologue.runs").info("got sk-verysecret", extra={"turn": 1})
    (line,) = (folder / "logs/deep/duologue.log").read_text().splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["turn"]) == ("got ***", "info", 1)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("loggers")
def test_log_file_that_cannot_be_is_blamed_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("DUOLOGUE_LOG_FILE", "file/duologue.log")
    with pytest.raises(ConfigError, match="environment: DUOLOGUE_LOG_FILE: "):
        setup.log_to_file(settings("list"))

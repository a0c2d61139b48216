"""Exit codes, and the one line that goes with them."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cli import main
from cli.commands import CommandEntry
from core.errors import BotError, Busy, ConfigError, DuologueError, Invalid, StorageFull
from core.ports import bind_port


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())


def ends(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code of a `run` that meets the error."""

    def meet(*_given: object) -> int:
        raise error

    monkeypatch.setattr(CommandEntry, "run", meet)
    return main.main(["run"])


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("is bad", file="bots.yaml", line=3, key="7.kind"), 2, "bots.yaml:3: 7.kind: "),
        (Invalid("is bad", "max_turns"), 2, "--turns: is bad"),
        (Busy("the conversation has\na run already"), 2, "the conversation has a run already"),
        (BotError("unreachable", "Robot is down"), 3, "Robot is down"),
        (StorageFull("the disk is full"), 3, "the disk is full"),
    ],
)
def test_errors_are_one_line_and_a_code(
    error: DuologueError,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrapped = BaseExceptionGroup("a", [ExceptionGroup("b", [error])])
    for met in (error, wrapped):
        assert ends(monkeypatch, met) == code
        told = capsys.readouterr().err
        assert told.startswith(f"Error: {line}")
        assert told.count("\n") == 1


def test_what_is_no_error_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExceptionGroup):
        ends(monkeypatch, ExceptionGroup("a", [ZeroDivisionError()]))


def test_ctrl_c_before_anything_began_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def module(monkeypatch: pytest.MonkeyPatch, name: str, serve: Callable[..., Any]) -> None:
    fake = ModuleType(name)
    fake.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, fake)


def test_serve_hands_over_settings_and_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def serve(settings: Any) -> int:
        given.append(settings)
        return 3

    module(monkeypatch, "api.server", serve)
    assert main.main(["serve", "--host", "::1", "--port", "1", "--no-ui", "--delay", "0.5"]) == 3
    (settings,) = given
    assert (settings.host, settings.port, settings.ui) == ("::1", 1, False)
    assert settings.demo_delay_s == 0.5


def test_ui_is_served_for_the_server_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    module(monkeypatch, "ui.app", lambda *where: given.append(where))
    assert main.main(["ui", "--api", "http://x:1", "--port", "0"]) == 0
    ((*where, policy),) = given
    assert where == ["http://x:1", "127.0.0.1", 0]
    assert policy.hosts == ("127.0.0.1",)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ui_that_is_told_to_end_ends_well(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    module(monkeypatch, "ui.app", lambda *_where: signal.raise_signal(number))
    with pytest.raises(SystemExit) as left:
        main.main(["ui", "--api", "http://x:1", "--port", "0"])
    assert left.value.code == 0
    assert signal.getsignal(number) is before


def test_ui_on_a_port_that_is_taken_is_refused_before_it_says_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module(monkeypatch, "ui.app", lambda *_where: pytest.fail("served"))
    with bind_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main.main(["ui", "--api", "http://x:1", "--port", str(port)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"Error: --port: 127.0.0.1:{port} cannot be used: ")


def test_ui_on_a_port_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["ui", "--api", "http://x:1", "--port", "99999"]) == 2
    assert "--port: Input should be less than or equal to 65535" in capsys.readouterr().err

"""The `duologue` command: reads what is typed, does it, and says with its exit code how it went.

Nothing is imported here that takes time; each command brings its own.
"""

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli.arguments import read
from cli.pipes import write_nowhere
from core.errors import (
    Busy,
    ConfigError,
    Conflict,
    DuologueError,
    Forbidden,
    Invalid,
    NotFound,
)

if TYPE_CHECKING:
    from core.settings import Settings

WELL, ASKED_WRONG, FAILED, ABANDONED = 0, 2, 3, 130
_WRONG = (ConfigError, Invalid, NotFound, Forbidden, Busy, Conflict)


def main(argv: list[str] | None = None) -> int:
    options = read(sys.argv[1:] if argv is None else argv)
    try:
        return _done(options)
    except BrokenPipeError:
        write_nowhere()
        return WELL
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return ABANDONED
    except DuologueError as error:
        return _failed(error, options)
    except BaseExceptionGroup as group:
        # Commands run inside the task group that owns the runs, which wraps what they raise.
        return _failed(_only(group), options)


def _done(options: Namespace) -> int:
    if options.command == "ui":
        return _ui(options)
    from cli.setup import log_to_file, settings

    setup = settings(options)
    if options.command != "serve":
        log_to_file(setup)
    if options.command in ("run", "resume") and not options.json and sys.stdout.isatty():
        # LangGraph takes two seconds to import. Whatever is printed next covers this.
        print("Starting …", end="\r", flush=True)
    return COMMANDS[options.command](options, setup)


# --- what went wrong ------------------------------------------------------------------------------


def _only(group: BaseExceptionGroup[BaseException]) -> DuologueError:
    """The error of ours that the group wraps. Raises the group where it holds anything else."""
    for error in group.exceptions[:1]:
        if isinstance(error, DuologueError):
            return error
        if isinstance(error, BaseExceptionGroup):
            return _only(error)
    raise group


def _failed(error: DuologueError, options: Namespace) -> int:
    sys.stderr.write(f"Error: {' '.join(_said(error, options).split())}\n")
    return ASKED_WRONG if isinstance(error, _WRONG) else FAILED


def _said(error: DuologueError, options: Namespace) -> str:
    if isinstance(error, ConfigError):
        from cli.setup import blamed

        return blamed(error, options)
    if isinstance(error, Invalid) and error.field:
        from cli.wanted import option

        return (
            error.message
            if options.command == "ping"
            else f"{option(error.field)}: {error.message}"
        )
    return error.message


# --- commands -------------------------------------------------------------------------------------


def _run(options: Namespace, setup: "Settings") -> int:
    from cli.talk import run

    return run(options, setup)


def _resume(options: Namespace, setup: "Settings") -> int:
    from cli.talk import resume

    return resume(options, setup)


def _show(options: Namespace, setup: "Settings") -> int:
    from cli.look import show

    return show(options, setup)


def _list(options: Namespace, setup: "Settings") -> int:
    from cli.look import show_list

    return show_list(options, setup)


def _bots(options: Namespace, setup: "Settings") -> int:
    from cli.bots import bots

    return bots(options, setup)


def _ping(options: Namespace, setup: "Settings") -> int:
    from cli.bots import ping

    return ping(options, setup)


def _serve(_options: Namespace, setup: "Settings") -> int:
    from api.server import serve

    return serve(setup)


def _ui(options: Namespace) -> int:
    from cli.page import ui

    return ui(options)


COMMANDS: dict[str, Callable[[Namespace, "Settings"], int]] = {
    "run": _run,
    "resume": _resume,
    "show": _show,
    "list": _list,
    "bots": _bots,
    "ping": _ping,
    "serve": _serve,
}

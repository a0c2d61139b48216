"""The `duologue` command: reads what is typed, does it, and says with its exit code how it went.

Nothing is imported here that takes time; each command brings its own.
"""

import sys
from argparse import Namespace

from cli.arguments import parse_arguments
from cli.commands import COMMANDS
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

WELL, ASKED_WRONG, FAILED, ABANDONED = 0, 2, 3, 130
_WRONG = (ConfigError, Invalid, NotFound, Forbidden, Busy, Conflict)


def main(argv: list[str] | None = None) -> int:
    options = parse_arguments(sys.argv[1:] if argv is None else argv)
    try:
        return _execute(options)
    except BrokenPipeError:
        write_nowhere()
        return WELL
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return ABANDONED
    except DuologueError as error:
        return _report_failure(error, options)
    except BaseExceptionGroup as group:
        # Commands run inside the task group that owns the runs, which wraps what they raise.
        return _report_failure(_unwrap(group), options)


def _execute(options: Namespace) -> int:
    from cli.setup import load_settings, log_to_file
    from core.settings import Settings

    command = COMMANDS[options.command]
    setup = load_settings(options) if command.reads_settings else Settings()
    if options.command != "serve":
        log_to_file(setup)
    if options.command in ("run", "resume") and not options.json and sys.stdout.isatty():
        # LangGraph takes two seconds to import. Whatever is printed next covers this.
        print("Starting …", end="\r", flush=True)
    return command.run(options, setup)


# --- what went wrong ------------------------------------------------------------------------------


def _unwrap(group: BaseExceptionGroup[BaseException]) -> DuologueError:
    """The error of ours that the group wraps. Raises the group where it holds anything else."""
    for error in group.exceptions[:1]:
        if isinstance(error, DuologueError):
            return error
        if isinstance(error, BaseExceptionGroup):
            return _unwrap(error)
    raise group


def _report_failure(error: DuologueError, options: Namespace) -> int:
    from core.text import show_in_one_line

    told = _describe_error(error, options)
    # A file's mistakes have a line each; any other line break may be somebody else's.
    lines = told.split("\n") if isinstance(error, ConfigError) else [told]
    sys.stderr.write("Error: " + "\n".join(map(show_in_one_line, lines)) + "\n")
    return ASKED_WRONG if isinstance(error, _WRONG) else FAILED


def _describe_error(error: DuologueError, options: Namespace) -> str:
    if isinstance(error, ConfigError):
        from cli.setup import describe_config_error

        return describe_config_error(error, options)
    if isinstance(error, Invalid) and error.field and options.command != "ping":
        from cli.scenario_options import option_name

        return f"{option_name(error.field)}: {error.message}"
    return error.message

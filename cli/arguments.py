"""What can be typed. Nothing here is slow to import: `duologue --help` answers at once."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from cli.commands import COMMANDS
from cli.options import add_places

EPILOG = """\
exit codes:
  0  ended well: completed, stopped on request, or there was nothing to do
  2  cannot be done as asked: arguments, configuration, an unknown id, a run elsewhere
  3  bot, model or storage failed; the conversation is kept and can be resumed

Settings come from the environment and from .env in this folder; see docs/cli.md.
"""


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: Any) -> NoReturn:
        from importlib.metadata import version

        print("duologue", version("duologue"))
        parser.exit()


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; ends the process with 2 where they do not fit."""
    return _build_parser().parse_args(argv)


def _build_parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="duologue",
        description="Simulated users talk to your chat bot: watch, stop, resume.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    add_places(top, None)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, entry in COMMANDS.items():
        command = commands.add_parser(
            name, help=entry.help, description=entry.help, allow_abbrev=False
        )
        entry.add_arguments(command)
        # Not None: what was given before the command must not be forgotten behind it.
        for parser in (command, *_list_steps(command)):
            add_places(parser, argparse.SUPPRESS)
    return top


def _list_steps(command: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of `bot add`, `experiment import` and the like."""
    steps = (one.choices for one in command._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no other way
    return [parser for choices in steps for parser in choices.values()]

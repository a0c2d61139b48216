"""What can be typed. Nothing here is slow to import: `duologue --help` answers at once."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from core.ends import Status

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


def parse_bot_id(text: str) -> int | str:
    """Bots are known by a number or by a name."""
    return int(text) if text.isascii() and text.isdigit() and str(int(text)) == text else text


def _build_parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="duologue",
        description="Simulated users talk to your chat bot: watch, stop, resume.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    _add_places(top, None)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (help, add) in _COMMANDS.items():
        command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        add(command)
        # Not None: what was given before the command must not be forgotten behind it.
        _add_places(command, argparse.SUPPRESS)
    return top


def _add_places(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--database",
        metavar="URL",
        default=default,
        dest="database_url",
        help="where conversations are kept (sqlite:///duologue.db)",
    )
    parser.add_argument(
        "--bots", metavar="FILE", default=default, help="which bots there are (bots.yaml)"
    )


def _add_run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--bot", type=parse_bot_id, default=16, metavar="ID", help="the bot under test (16)")
    add("--turns", type=int, default=10, metavar="N", help="how many times the bot answers (10)")
    add("--user-prompt", metavar="TEXT", help="shapes the simulated user")
    add("--persona", metavar="ID|FILE", help="who the simulated user is: an id, or a YAML file")
    add("--bot-prompt", metavar="TEXT", help="in place of a bot: a system prompt for the model")
    add("--initial-message", metavar="TEXT", help="the user's first line")
    add("--first-speaker", choices=("user", "bot"), help="who opens (user)")
    add("--history", metavar="FILE", help="what was said before: a JSON list; - reads stdin")
    add("--user", choices=("simulated", "scripted"), help="a model, or rules (no model needed)")
    add("--time-limit", type=float, metavar="SECONDS", help="after that no new turn begins")
    _add_json(command, "one JSON object a line for each event, and a summary last")
    _add_delay(command)


def _add_resume(command: argparse.ArgumentParser) -> None:
    _add_id(command)
    command.add_argument(
        "--in-flight",
        choices=("retry", "accept"),
        help="send the turn that was in flight again, or take it as heard",
    )
    _add_json(command, "one JSON object a line for each event, and a summary last")
    _add_delay(command)


def _add_show(command: argparse.ArgumentParser) -> None:
    _add_id(command)
    _add_json(command, "the conversation as one JSON object")


def _add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--status", choices=[status.value for status in Status])
    command.add_argument("--bot", metavar="ID", help="only this bot's")
    command.add_argument(
        "--experiment", metavar="ID", help="the trials of this experiment; else none are listed"
    )
    command.add_argument(
        "--limit", type=_parse_positive, default=20, metavar="N", help="how many (20)"
    )
    _add_json(command, "a JSON list")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="the port to listen on (25050)")
    command.add_argument("--no-ui", action="store_true", help="without the web page")
    _add_delay(command)


def _add_ui(command: argparse.ArgumentParser) -> None:
    command.add_argument("--api", required=True, metavar="URL", help="the server to talk to")
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, default=25051, help="the port to listen on (25051)")


def _add_ping(command: argparse.ArgumentParser) -> None:
    command.add_argument("bot", type=parse_bot_id, metavar="BOT", help="the bot's id")


def _add_bots(command: argparse.ArgumentParser) -> None:
    _add_json(command, "a JSON list")


def _add_id(command: argparse.ArgumentParser) -> None:
    command.add_argument("id", metavar="ID", help="the conversation's id")


def _add_json(command: argparse.ArgumentParser, help: str) -> None:
    command.add_argument("--json", action="store_true", help=help)


def _add_delay(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--delay",
        type=float,
        nargs="?",
        const=1.0,
        metavar="SECONDS",
        dest="demo_delay_s",
        help="how long the demo bot thinks, to watch it in comfort (0; 1 without a number)",
    )


def _parse_positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("must be between 1 and 1000")
    return number


_COMMANDS = {
    "run": ("let a user and a bot talk, and watch it here; no server is needed", _add_run),
    "resume": ("go on with a conversation that was stopped or broke off", _add_resume),
    "show": ("show a conversation", _add_show),
    "list": ("list conversations, newest first", _add_list),
    "serve": ("serve the API and the web page", _add_serve),
    "ui": ("serve only the web page, for a server elsewhere", _add_ui),
    "bots": ("list the configured bots", _add_bots),
    "ping": ("try whether a bot can be reached", _add_ping),
}

"""The options of each command. Nothing here is slow to import."""

import argparse

from core.ends import Status


def parse_bot_id(text: str) -> int | str:
    """Bots are known by a number or by a name."""
    return int(text) if text.isascii() and text.isdigit() and str(int(text)) == text else text


def add_places(parser: argparse.ArgumentParser, default: str | None) -> None:
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


def add_run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--bot", type=parse_bot_id, default=16, metavar="ID", help="the bot under test (16)")
    add("--turns", type=int, default=10, metavar="N", help="how many times the bot answers (10)")
    add("--user-prompt", metavar="TEXT", help="shapes the simulated user")
    add("--persona", metavar="ID|FILE", help="who the simulated user is: an id, or a YAML file")
    add("--bot-prompt", metavar="TEXT", help="in place of a bot: a system prompt for the model")
    add("--initial-message", metavar="TEXT", help="the user's first line")
    add("--first-speaker", choices=("user", "bot"), help="who opens (user)")
    add("--history", metavar="FILE", help="what was said before: a JSON list; - reads stdin")
    add(
        "--lines",
        metavar="FILE",
        help="the user's lines: a YAML list of texts, {say: …} and {simulate: n}",
    )
    add("--user", choices=("simulated", "scripted"), help="a model, or rules (no model needed)")
    add("--time-limit", type=float, metavar="SECONDS", help="after that no new turn begins")
    add("--soft-turns", type=int, metavar="N", help="from this turn on the user wraps up")
    add("--token-limit", type=int, metavar="N", help="after so many tokens no new turn begins")
    add_json(command, "one JSON object a line for each event, and a summary last")
    add_delay(command)


def add_check_user(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("persona", metavar="PERSONA", help="an id from personas/")
    add("--user", choices=("simulated", "scripted"), help="a model, or rules (no model needed)")
    add("--talks", type=int, default=5, metavar="N", help="talks with each canned bot (5)")
    add("--turns", type=int, default=10, metavar="N", help="turns a talk (10)")
    add("--format", choices=("markdown", "html", "json"), help="a report, to standard output")
    add_json(command, "one JSON object")


def add_import(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("files", metavar="FILE", nargs="+", help="JSON, JSONL, CSV, or text with User: and Bot:")
    add("--form", choices=("json", "jsonl", "csv", "text"), help="what the name does not tell")
    add("--role", action="append", default=[], metavar="NAME=user|bot", help="whose role it is")
    add(
        "--column",
        action="append",
        default=[],
        metavar="talk|role|text=NAME",
        help="in which column of a CSV file it stands",
    )
    add_json(command, "one JSON object")


def add_resume(command: argparse.ArgumentParser) -> None:
    add_id(command)
    command.add_argument(
        "--in-flight",
        choices=("retry", "accept"),
        help="send the turn that was in flight again, or take it as heard",
    )
    add_json(command, "one JSON object a line for each event, and a summary last")
    add_delay(command)


def add_show(command: argparse.ArgumentParser) -> None:
    add_id(command)
    add_json(command, "the conversation as one JSON object")


def add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("--status", choices=[status.value for status in Status])
    command.add_argument("--bot", metavar="ID", help="only this bot's")
    command.add_argument(
        "--experiment", metavar="ID", help="the trials of this experiment; else none are listed"
    )
    command.add_argument(
        "--limit", type=_parse_positive, default=20, metavar="N", help="how many (20)"
    )
    add_json(command, "a JSON list")


def add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="the port to listen on (25050)")
    command.add_argument("--no-ui", action="store_true", help="without the web page")
    add_delay(command)


def add_ui(command: argparse.ArgumentParser) -> None:
    command.add_argument("--api", required=True, metavar="URL", help="the server to talk to")
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, default=25051, help="the port to listen on (25051)")


def add_ping(command: argparse.ArgumentParser) -> None:
    command.add_argument("bot", type=parse_bot_id, metavar="BOT", help="the bot's id")


def add_bot(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    trial = actions.add_parser("try", help="say one line to a bot and look at every call")
    add_ping(trial)
    trial.add_argument("message", metavar="MESSAGE", help="what is said")
    add_json(trial, "one JSON object")
    add_ping(actions.add_parser("ping", help="try whether a bot can be reached"))
    add_bots(actions.add_parser("list", help="list the configured bots"))
    new = actions.add_parser("add", help="write a bot into bots.yaml")
    new.add_argument("bot", type=parse_bot_id, metavar="BOT", help="the id of the new bot")
    new.add_argument("--curl", metavar="COMMAND", help="a curl command that says one line to it")
    new.add_argument("--message", metavar="TEXT", help="that line; else it is found by its key")
    new.add_argument("--reply", metavar="PATH", help="where the text stands in the answer")


def add_bots(command: argparse.ArgumentParser) -> None:
    add_json(command, "a JSON list")


def add_id(command: argparse.ArgumentParser) -> None:
    command.add_argument("id", metavar="ID", help="the conversation's id")


def add_json(command: argparse.ArgumentParser, help: str) -> None:
    command.add_argument("--json", action="store_true", help=help)


def add_delay(command: argparse.ArgumentParser) -> None:
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

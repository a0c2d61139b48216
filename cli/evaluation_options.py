"""The options of the commands that test bots. Nothing here is slow to import."""

import argparse

from cli.options import add_json

FORMATS = ("json", "jsonl", "junit", "html", "markdown", "csv")
OUTCOMES = ("broken", "failed", "unjudged")
EXIT_CODES = """\
exit codes, the first that applies:
  2  cannot be done as asked
  3  invalid (too much broke), paused or interrupted; --resume goes on
  1  the gate is not met, or without a gate a trial failed
  4  undecided, or not all could be judged
  0  met
"""


def add_test(command: argparse.ArgumentParser) -> None:
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = EXIT_CODES
    add = command.add_argument
    add(
        "suites", nargs="*", metavar="SUITE", help="files of suites/; else all scenarios, once each"
    )
    add("--bot", action="append", default=[], metavar="ID", help="only this bot; may be repeated")
    add("--persona", action="append", default=[], metavar="ID", help="only this persona")
    add("--tag", action="append", default=[], metavar="TAG", help="only scenarios with this tag")
    add(
        "-k", dest="text", default="", metavar="TEXT", help="only scenarios with this in id or name"
    )
    add(
        "--trial", metavar="KEY", help="one trial: SCENARIO/PERSONA/BOT#REPEAT, as failures name it"
    )
    add("--repeats", type=parse_count, metavar="N", help="repeats of each cell, not the suite's")
    add("--concurrency", type=parse_count, metavar="N", help="conversations at once, in all")
    add("--name", metavar="TEXT", help="names the experiment, to be compared with later")
    add("--max-cost", type=float, metavar="USD", help="pauses there, not at the suite's budget")
    add("--baseline", metavar="E", help="compare with this experiment, or with last-green")
    add("--retry", choices=OUTCOMES, help="have these trials of the suite's last experiment again")
    add("--resume", metavar="E", help="go on with an experiment, or with --retry retry in it")
    add("--fail-fast", action="store_true", help="end with the first trial that fails")
    add("--dry-run", action="store_true", help="say what would run, and run nothing")
    add(
        "--api",
        metavar="URL",
        help="this server runs its suites of these names (key: DUOLOGUE_API_KEY)",
    )
    add_reports(command)


def add_reports(command: argparse.ArgumentParser) -> None:
    for name in FORMATS:
        command.add_argument(
            f"--{name}", metavar="FILE", help=f"write a {name} report; - is stdout"
        )
    add_language(command)


def add_language(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lang", choices=("en", "vi"), default="en", help="of what is told (en)")


def add_experiment(command: argparse.ArgumentParser) -> None:
    command.add_argument("experiment", metavar="E", help="its id, the beginning of it, or its name")


def add_report(command: argparse.ArgumentParser) -> None:
    add_experiment(command)
    add_reports(command)


def add_judge(command: argparse.ArgumentParser) -> None:
    add_experiment(command)
    add_reports(command)


def add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument("base", metavar="A", help="the experiment before: id or name")
    command.add_argument("head", metavar="B", help="the experiment after")
    command.add_argument(
        "--margin", type=float, default=0.05, metavar="X", help="how much worse is too much (0.05)"
    )
    for name in ("json", "html", "markdown"):
        command.add_argument(
            f"--{name}", metavar="FILE", help=f"write a {name} report; - is stdout"
        )
    add_language(command)


def add_experiments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--suite", metavar="NAME", help="only this suite's")
    command.add_argument("--limit", type=parse_count, default=20, metavar="N", help="how many (20)")
    add_json(command, "a JSON list")


def add_label(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("conversation", metavar="ID", help="the conversation of the trial, as `report` names it")
    add("criterion", nargs="?", metavar="CRITERION", help="the criterion or check; else all labels")
    add("status", nargs="?", choices=("pass", "fail", "inconclusive"), help="your verdict")
    add("--by", metavar="NAME", help="who labels (your user name)")
    add("--note", default="", metavar="TEXT", help="why")
    add("--remove", action="store_true", help="take your label back")
    add_json(command, "the labels as a JSON list")


def add_agreement(command: argparse.ArgumentParser) -> None:
    add_experiment(command)
    add = command.add_argument
    add(
        "--next",
        type=parse_count,
        metavar="N",
        help="the next N to label, conversation and criterion, without what the judge said",
    )
    add("--by", metavar="NAME", help="leave out what this person has labelled")
    add_json(command, "a JSON list")


def add_transfer(command: argparse.ArgumentParser) -> None:
    steps = command.add_subparsers(dest="step", metavar="export|import|delete", required=True)
    out = steps.add_parser("export", help="write an experiment to a file, personal data masked")
    out.add_argument("experiment", metavar="E")
    out.add_argument("file", metavar="FILE")
    out.add_argument("--unmasked", action="store_true", help="leave names and numbers as they are")
    into = steps.add_parser("import", help="read an experiment from a file")
    into.add_argument("file", metavar="FILE")
    gone = steps.add_parser("delete", help="remove an experiment and its conversations")
    gone.add_argument("experiment", metavar="E")


def parse_count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("must be between 1 and 10000")
    return number


def add_check_judge(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("suite", metavar="SUITE", help="a file of suites/: its checks, criteria and judge")
    add("--experiment", metavar="E", help="trials of it that passed are the clean transcripts")
    add("--talks", type=parse_count, default=20, metavar="N", help="so many clean transcripts (20)")
    add("--kind", action="append", default=[], metavar="FLAW", help="only this; may be repeated")
    add("--offline", action="store_true", help="ask no judge: checks alone")
    add_json(command, "one JSON object")


def add_shrink(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("id", metavar="ID", help="the conversation: a trial that failed, or one ended by an error")
    add("--check", metavar="NAME", help="the check or criterion; else the first that failed")
    add("--max-calls", type=parse_count, default=2000, metavar="N", help="calls of the bot (2000)")
    add("--yes", action="store_true", help="replay, though the bot's calls cause something")
    add("--dry-run", action="store_true", help="say what it would take, and replay nothing")
    add("--out", metavar="FILE", help="the scenario (scenarios/regress-ID.yaml)")
    add_json(command, "one JSON object")
    add_language(command)

"""The commands: one file with a function, and one line here.

A function is named as text and imported when its command is given, so that `duologue --help`
answers at once. `add_arguments` comes from a file that imports nothing slow.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from cli import evaluation_options, options

if TYPE_CHECKING:
    from core.settings import Settings

AddArguments = Callable[[ArgumentParser], None]


class CommandEntry(NamedTuple):
    """`function` is `module:name`; it takes options and settings and gives the exit code.

    Without `reads_settings` it is given the default settings, whatever the environment says.
    """

    help: str
    add_arguments: AddArguments
    function: str
    reads_settings: bool = True

    def run(self, options: Namespace, settings: "Settings") -> int:
        module, _, name = self.function.partition(":")
        code: int = getattr(import_module(module), name)(options, settings)
        return code


COMMANDS = {
    "run": CommandEntry(
        "let a user and a bot talk, and watch it here; no server is needed",
        options.add_run,
        "cli.converse:run",
    ),
    "resume": CommandEntry(
        "go on with a conversation that was stopped or broke off",
        options.add_resume,
        "cli.converse:resume",
    ),
    "test": CommandEntry(
        "run suites and tell by the exit code whether the bots are good enough",
        evaluation_options.add_test,
        "cli.experiments:test",
    ),
    "compare": CommandEntry(
        "compare two experiments: what got worse, what got better",
        evaluation_options.add_compare,
        "cli.experiment_store:compare",
    ),
    "judge": CommandEntry(
        "check and judge the conversations of an experiment again",
        evaluation_options.add_judge,
        "cli.experiments:judge",
    ),
    "report": CommandEntry(
        "show an experiment, or write reports of it",
        evaluation_options.add_report,
        "cli.experiment_store:report",
    ),
    "experiments": CommandEntry(
        "list experiments, newest first",
        evaluation_options.add_experiments,
        "cli.experiment_store:list_experiments",
    ),
    "label": CommandEntry(
        "give a person's verdict on a trial",
        evaluation_options.add_label,
        "cli.labels:label",
    ),
    "agreement": CommandEntry(
        "how far the judge agrees with people's labels, and what to label next",
        evaluation_options.add_agreement,
        "cli.agreement:show_agreement",
    ),
    "experiment": CommandEntry(
        "export, import or delete an experiment",
        evaluation_options.add_transfer,
        "cli.transfer:transfer",
    ),
    "shrink": CommandEntry(
        "find the shortest conversation that fails as a stored one did",
        evaluation_options.add_shrink,
        "cli.shrink:shrink",
    ),
    "show": CommandEntry("show a conversation", options.add_show, "cli.stored:show"),
    "list": CommandEntry(
        "list conversations, newest first", options.add_list, "cli.stored:show_list"
    ),
    "serve": CommandEntry("serve the API and the web page", options.add_serve, "cli.serve:serve"),
    "ui": CommandEntry(
        "serve only the web page, for a server elsewhere",
        options.add_ui,
        "cli.page:serve_page",
    ),
    "bot": CommandEntry(
        "try a bot with one line, ping it, add one from a curl command",
        options.add_bot,
        "cli.bot:run",
    ),
    "bots": CommandEntry("list the configured bots", options.add_bots, "cli.bots:list_bots"),
    "import": CommandEntry(
        "store talks that people had with a bot, with personal data masked",
        options.add_import,
        "cli.importing:import_talks",
    ),
    "check-user": CommandEntry(
        "measure how a persona talks, without a bot",
        options.add_check_user,
        "cli.check_user:check_user",
    ),
    "check-judge": CommandEntry(
        "plant flaws into clean transcripts and count what checks and judge find",
        evaluation_options.add_check_judge,
        "cli.check_judge:check_suite_judge",
    ),
    "ping": CommandEntry("try whether a bot can be reached", options.add_ping, "cli.bots:ping_bot"),
}

"""`duologue bot`: try a bot with one line, ping it, list them, or add one from a curl command."""

import asyncio
import sys
from argparse import Namespace
from dataclasses import asdict

from cli.bots import list_bots, ping_bot
from cli.plain import format_json, use_utf8
from core.errors import Invalid
from core.parts import describe_part
from core.settings import Settings
from core.text import show_in_one_line
from nodes.bots.trying import Exchange, Trial


def run(options: Namespace, settings: Settings) -> int:
    actions = {"list": list_bots, "ping": ping_bot, "try": try_configured_bot, "add": add_bot}
    return actions[options.action](options, settings)


def try_configured_bot(options: Namespace, settings: Settings) -> int:
    """Exit code 0 where the bot answered, 3 where it failed."""
    trial = asyncio.run(_try(str(options.bot), options.message, settings))
    use_utf8(sys.stdout)
    if options.json:
        print(format_json(asdict(trial)))
    else:
        print("\n".join(describe_trial(trial)))
    return 3 if trial.error else 0


async def _try(bot_id: str, text: str, settings: Settings) -> Trial:
    from graph.process import open_process
    from nodes.bots.trying import try_bot
    from nodes.speakers.readiness import missing_requirement

    async with open_process(settings) as runs:
        if reason := missing_requirement(runs.speakers, bot_id):
            raise Invalid(reason)
        return await try_bot(runs.speakers.by_id(bot_id), bot_id, text)


def describe_trial(trial: Trial) -> list[str]:
    """Lines for a terminal; no bot can write control characters into them."""
    lines = [line for call in trial.calls for line in _describe_call(call)]
    lines += [f"captured: {name} = {value!r}" for name, value in trial.session.items()]
    for source in trial.sources:
        page = f", {source['page']}" if source["page"] else ""
        lines.append(f"source: {source['file']}{page} ({source['score']:g}): {source['text']}")
    for at, text in enumerate(trial.bubbles):
        lines.append(f"reply: {text}")
        lines += [describe_part(part) for part in (trial.parts[at : at + 1] or [()])[0]]
    if trial.ended:
        lines.append("and it ends the conversation")
    if trial.error:
        lines.append(f"failed: {trial.error} ({trial.code})")
    elif not trial.bubbles:
        lines.append("reply: nothing")
    lines.append(f"took: {trial.took_ms} ms")
    return [show_in_one_line(line) for line in lines]


def _describe_call(call: Exchange) -> list[str]:
    status = "" if call.status is None else f" {call.status}"
    lines = [f"call: {call.method} {call.url}{status} ({call.took_ms} ms)"]
    lines += [f"> {name}: {value}" for name, value in call.headers.items()]
    lines += [f"> {call.sent}"] if call.sent else []
    return lines + ([f"< {call.answer}"] if call.answer else [])


def add_bot(options: Namespace, settings: Settings) -> int:
    """Writes a bot into bots.yaml; what is not given is asked for on a terminal."""
    from cli.curl import describe_secrets, read_curl, write_bot

    command = options.curl or _ask("The curl command that sends one line to the bot: ")
    message = options.message or _ask("The line in it (empty: found by its name): ", optional=True)
    reply = options.reply or _ask("Where the text stands in the answer (data.text, $.a[*].b): ")
    bot, secrets = read_curl(command, str(options.bot), message, reply)
    text = write_bot(settings.bots, str(options.bot), bot)
    print(f"{text}\nwritten to {settings.bots}")
    print("\n".join([*describe_secrets(secrets), f"try it: duologue bot try {options.bot} hello"]))
    return 0


def _ask(question: str, *, optional: bool = False) -> str:
    if optional and not sys.stdin.isatty():
        return ""
    if not sys.stdin.isatty():
        raise Invalid("give --curl and --reply; there is no terminal to ask at")
    return input(question).strip()

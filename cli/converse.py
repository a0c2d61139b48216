"""`duologue run` and `duologue resume`: one conversation, driven and shown by this process."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from cli.output import NO_MODEL, MessageTally, Output, RunEnd, RunStart, resume_command
from cli.plain import JsonOutput, PlainOutput, use_utf8
from cli.scenario_options import build_scenario, load_persona
from cli.signals import PipeSafeOutput, on_signal
from core.ends import EndReason, Status
from core.errors import Busy
from core.scenario import Scenario
from core.settings import Settings
from graph import logs
from graph.process import open_process
from graph.runs.service import RunService
from graph.storage.conversation import Conversation
from graph.stream.follower import Follower
from graph.stream.live import LiveConversation, nobody_watches


class Command(Protocol):
    """What the command does, in two steps, so that the id is told before the first word."""

    async def open(self, runs: RunService) -> Conversation:
        """Finds or makes the conversation. Raises `Invalid`, `NotFound`, `Busy`."""

    async def begin(self, runs: RunService, id: str) -> LiveConversation:
        """Sets it going. Raises `Busy`, `Conflict`."""


class RunCommand:
    """`run`: a new conversation."""

    def __init__(self, options: Namespace, settings: Settings) -> None:
        self._id, self._persona = load_persona(options.persona)
        self._scenario = build_scenario(options, settings, self._id)

    async def open(self, runs: RunService) -> Conversation:
        if self._id and self._persona:
            runs.speakers.personas[self._id] = self._persona
        return await runs.storage.catalogue.get(await runs.create(self._scenario))

    async def begin(self, runs: RunService, id: str) -> LiveConversation:
        return await runs.start(id)


class ResumeCommand:
    """`resume`: one that is there."""

    def __init__(self, options: Namespace) -> None:
        self._id, self._in_flight = options.id, options.in_flight

    async def open(self, runs: RunService) -> Conversation:
        await runs.recover()
        row = runs.with_live_status(await runs.storage.catalogue.get(self._id))
        if row.status is Status.RUNNING:
            raise Busy("the conversation has a run already, in another process")
        runs.speakers.bot(Scenario.read(row.scenario))
        return row

    async def begin(self, runs: RunService, id: str) -> LiveConversation:
        return await runs.resume(id, self._in_flight)


def run(options: Namespace, settings: Settings) -> int:
    return asyncio.run(_converse(RunCommand(options, settings), options, settings))


def resume(options: Namespace, settings: Settings) -> int:
    return asyncio.run(_converse(ResumeCommand(options), options, settings))


async def _converse(act: Command, options: Namespace, settings: Settings) -> int:
    asked = asyncio.Event()
    watch = logs.watch if settings.log_file else nobody_watches
    with on_signal(asked.set):
        async with open_process(settings, watch) as runs:
            row = await act.open(runs)
            with PipeSafeOutput(choose_output(options), asked.set) as show:
                show.show_opening(describe_opening(row, runs, options))
                closing = await _follow(act, runs, row, show, asked, options)
            return 3 if closing.status is Status.INTERRUPTED else 0


async def _follow(
    act: Command,
    runs: RunService,
    row: Conversation,
    show: Output,
    asked: asyncio.Event,
    options: Namespace,
) -> RunEnd:
    began, tally = monotonic(), MessageTally()
    view = await act.begin(runs, row.id)
    async with asyncio.TaskGroup() as tasks:
        stopper = tasks.create_task(_stop_when(asked, runs, row.id))
        async for frame in Follower(view, only_run=True).frames():
            tally.note(frame)
            show.frame(frame)
        stopper.cancel()
    closing = describe_closing(tally, view, monotonic() - began, options)
    show.show_closing(closing)
    return closing


async def _stop_when(asked: asyncio.Event, runs: RunService, id: str) -> None:
    await asked.wait()
    await runs.stop(id)


def choose_output(options: Namespace) -> Output:
    """How to tell it: JSON where asked for, live on a terminal, else line by line."""
    out, err = use_utf8(sys.stdout), use_utf8(sys.stderr)
    if options.json:
        return JsonOutput(out, err)
    if not out.isatty():
        return PlainOutput(out, err)
    from rich.console import Console

    from cli.screen import Screen

    console = Console(highlight=False)
    if console.is_dumb_terminal:
        return PlainOutput(out, err)
    return Screen(console, Console(stderr=True, highlight=False))


def describe_opening(row: Conversation, runs: RunService, options: Namespace) -> RunStart:
    persona = f" ({row.persona})" if row.persona else ""
    return RunStart(
        id=row.id,
        bot=runs.speakers.bot(Scenario.read(row.scenario)).name,
        user=f"{row.seat} user{persona}",
        turn=row.turn,
        max_turns=row.max_turns,
        notes=tuple(_list_notes(row, runs, options)),
    )


def _list_notes(row: Conversation, runs: RunService, options: Namespace) -> Iterator[str]:
    if row.seat == "human":
        yield "A person holds the user's seat: it waits for their line, which the server takes."
    if row.seat != "scripted" or runs.settings.has_user_model or _follows_a_script(row, runs):
        return
    if row.scenario.get("user") is None:
        yield NO_MODEL
    if any(getattr(options, name, None) for name in ("user_prompt", "persona")):
        yield "A persona or a user prompt does not change what the scripted learner says."


def _follows_a_script(row: Conversation, runs: RunService) -> bool:
    """Whether the persona brings its own rules, and needs no model."""
    persona = runs.speakers.personas.get(row.scenario.get("persona") or "")
    return persona is not None and (persona.kind != "model" or persona.script is not None)


def describe_closing(
    tally: MessageTally, view: LiveConversation, seconds: float, options: Namespace
) -> RunEnd:
    status = Status(tally.done.get("status", view.current_status))
    places = {"--database": options.database_url, "--bots": options.bots}
    ended = status is Status.COMPLETED
    return RunEnd(
        id=view.id,
        status=status,
        end_reason=EndReason(tally.done["end_reason"]) if tally.done.get("end_reason") else None,
        turns=view.turn,
        max_turns=view.max_turns,
        messages=tally.messages,
        seconds=seconds,
        error=tally.error if status is Status.INTERRUPTED else None,
        resume=None if ended else resume_command(view.id, places),
    )

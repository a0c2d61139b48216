"""`duologue shrink`: the shortest conversation that fails as a stored one did."""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path
from typing import TextIO

from cli.plain import format_json, use_utf8
from cli.shrink_texts import speak
from cli.signals import on_signal
from core.errors import Invalid
from core.message import Message
from core.settings import Settings
from core.text import show_message
from evaluation.shrink.describe import describe_shrink
from evaluation.shrink.failure import find_failure
from evaluation.shrink.replays import ReplayTally
from evaluation.shrink.shrinking import (
    Shrinking,
    ShrinkResult,
    find_place,
    pair_transcripts,
    write_scenario,
)
from graph.process import open_process
from graph.runs.service import RunService

CODES = {"shrunk": 0, "capped": 3, "interrupted": 3, "not_reproduced": 4}


def shrink(options: Namespace, settings: Settings) -> int:
    """Shrinks a conversation and writes the scenario. Raises `Invalid`, `NotFound`, `Conflict`."""
    return asyncio.run(_shrink(options, settings))


async def _shrink(options: Namespace, settings: Settings) -> int:
    out = use_utf8(sys.stderr if options.json else sys.stdout)
    interrupted = asyncio.Event()
    with on_signal(interrupted.set):
        async with open_process(settings) as runs:
            await runs.recover()
            failure = await find_failure(runs, options.id, options.check)
            teller = _Teller(out, options.lang)
            job = Shrinking(runs, failure, max_calls=options.max_calls, report=teller.tell_progress)
            teller.tell_plan(job)
            if options.dry_run:
                return 0
            _require_consent(job, options, teller)
            result = await _run(job, runs, interrupted)
            messages = await runs.messages(result.conversation_id) if result.conversation_id else []
    file = _write(job, result, options)
    if options.json:
        print(format_json(describe_shrink(job, result, messages), indent=2))
    teller.tell_result(job, result, messages, file)
    return CODES[result.outcome]


def _require_consent(job: Shrinking, options: Namespace, teller: "_Teller") -> None:
    """Raises `Invalid` where replays would cause something elsewhere and nobody said yes."""
    if not job.plan.has_side_effects or options.yes:
        return
    if sys.stdin.isatty() and teller.ask():
        return
    raise Invalid(speak(options.lang)("effects"), "--yes")


async def _run(job: Shrinking, runs: RunService, interrupted: asyncio.Event) -> ShrinkResult:
    async with asyncio.TaskGroup() as tasks:
        stopper = tasks.create_task(_stop_when(interrupted, job, runs))
        try:
            return await job.run()
        finally:
            stopper.cancel()


async def _stop_when(interrupted: asyncio.Event, job: Shrinking, runs: RunService) -> None:
    await interrupted.wait()
    job.halt()
    await runs.drain(runs.settings.grace_s)


def _write(job: Shrinking, result: ShrinkResult, options: Namespace) -> Path | None:
    if not result.lines:
        return None
    path = Path(options.out) if options.out else find_place(job.failure)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_scenario(job.failure, result.lines), encoding="utf-8")
    return path


class _Teller:
    """Says what a shrink would take, how it goes on, and what was found."""

    def __init__(self, out: TextIO, language: str) -> None:
        self._out, self._language, self._say = out, language, speak(language)
        self._told = 0

    def tell_plan(self, job: Shrinking) -> None:
        plan, failure = job.plan, job.failure
        self._line("opening", id=failure.conversation.id, name=failure.name, lines=plan.lines)
        low, high = plan.low, plan.high
        self._line("estimate", a=low.replays, b=high.replays, c=low.calls, d=high.calls)

    def ask(self) -> bool:
        self._out.write(self._say("ask") + " ")
        self._out.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes", "c", "có", "co")

    def tell_progress(self, tally: ReplayTally) -> None:
        """A line whenever fewer lines are known to fail."""
        if tally.lines and len(tally.lines) != self._told:
            self._told = len(tally.lines)
            self._line("progress", lines=self._told, replays=tally.replays, calls=tally.calls)

    def tell_result(
        self, job: Shrinking, result: ShrinkResult, messages: list[Message], file: Path | None
    ) -> None:
        tally = result.tally
        self._line("taken", replays=tally.replays, calls=tally.calls, found=tally.found)
        if result.outcome != "shrunk":
            self._line(result.outcome, id=job.failure.conversation.id)
        if result.measured and result.failed < result.measured:
            self._line("rate", failed=result.failed, measured=result.measured)
        if not result.lines:
            return
        self._line("found", before=job.plan.lines, after=len(result.lines))
        for message, kept in pair_transcripts(job.failure.messages, result.places):
            self._tell_message(message, "▸" if kept else " ")
        self._line("shortest", id=result.conversation_id)
        for message in messages:
            self._tell_message(message, " ")
        self._line("written", file=file)

    def _tell_message(self, message: Message, mark: str) -> None:
        who = self._say(message["role"])
        text = " ".join(show_message(message["content"]).split())
        self._out.write(f"  {mark} {who}: {text if len(text) <= 140 else text[:139] + '…'}\n")

    def _line(self, key: str, **given: object) -> None:
        self._out.write(self._say(key, **given) + "\n")
        self._out.flush()

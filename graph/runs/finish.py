"""What comes behind a run: its ending on disk and in the stream, and the runs of dead processes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from core.ends import EndReason, Status
from core.errors import DuologueError, StorageError
from core.failures import contain, or_else
from core.scenario import Scenario
from graph.runs.run import Ending, Run, make_broken_ending, to_error_data
from graph.storage.port import ConversationStorage
from graph.stream.live import LiveConversation
from graph.stream.views import LiveConversations
from nodes.speakers.protocol import TurnRequest
from nodes.speakers.registry import Speakers

Resume = Callable[[str], Awaitable[object]]
log = logging.getLogger("duologue.runs")


async def persist_ending(storage: ConversationStorage, run: Run, ending: Ending) -> Ending:
    """How the run ended, once that is on disk; what keeps it from there is how it ended."""
    return await or_else(
        _persist_ending(storage, run, ending), partial(make_broken_ending, run.view.id)
    )


async def _persist_ending(storage: ConversationStorage, run: Run, ending: Ending) -> Ending:
    view = run.view
    try:
        await storage.checkpoints.settle(view.id)
        await run.report_unreported()
        await storage.catalogue.release(
            view.id,
            status=ending.status,
            end_reason=ending.reason,
            error=to_error_data(ending.error) if ending.error else None,
            turn=view.turn,
            in_flight=run.in_flight(ending),
            crashes=0,
            deaths=0,
        )
        await run.apply_changes()
    except StorageError as failed:
        facts = {"conversation_id": view.id, "cause": failed.message}
        log.error("status not stored", extra=facts)  # noqa: TRY400 - the cause says it
        was_broken = ending.status is Status.INTERRUPTED
        reason = ending.reason if was_broken else EndReason.SERVER_ERROR
        return Ending(Status.INTERRUPTED, reason, ending.error or failed)
    return ending


def announce_ending(view: LiveConversation, ending: Ending) -> dict[str, Any]:
    """The last events of a run; gives the facts of it."""
    error_facts = to_error_data(ending.error) if ending.error else None
    if error_facts:
        view.error(error_facts)
    if ending.status is Status.WAITING:
        view.status("waiting", ending.says or "waiting for the person in the user's seat")
    view.report_done(ending.status, ending.reason)
    reason = ending.reason
    return {
        "status": ending.status.value,
        "end_reason": reason,
        "turns": view.turn,
        "error": error_facts,
    }


async def close_bot_session(speakers: Speakers, views: LiveConversations, id: str) -> None:
    """Tells the bot that the conversation has ended: once, and no more if that fails."""
    try:
        with contain(log, "bot not told of the end", conversation_id=id):
            state = await views.read_state(id)
            if "scenario" not in state:  # it was deleted meanwhile
                return
            scenario = Scenario.read(state["scenario"])
            messages, turn = state.get("messages") or [], state.get("turn", 0)
            request = TurnRequest(id, turn, messages, scenario, state.get("session") or {})
            await speakers.bot(scenario).close(request)
    except DuologueError as why:
        log.warning("bot not told of the end", extra={"conversation_id": id, "why": why.message})


async def drain_runs(runs: Sequence[Run], ending: Ending, grace_s: float) -> None:
    """Lets each run finish its step, and ends those that have not within the grace time."""
    for run in runs:
        run.view.status("stopping", "the server is stopping; the conversation goes on later")
        run.drain(ending)
    try:
        async with asyncio.timeout(grace_s):
            await _all_finished(runs)
    except TimeoutError:
        for run in runs:
            if run.task and not run.is_finished:
                run.task.cancel()
        await _all_finished(runs)


async def _all_finished(runs: Sequence[Run]) -> None:
    for run in runs:
        await run.wait()

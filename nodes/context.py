"""What a run gives its nodes."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from core.events import Emitter
from core.scenario import Scenario
from core.state import State
from nodes.calls.retry import RetryLimits
from nodes.speakers.protocol import Bot, TurnRequest
from nodes.speakers.registry import Speakers


@dataclass(slots=True)
class RunContext:
    """The run a node is part of: who speaks, through whom it reports, what it was asked to do.

    `resent` is the turn that the bot may have heard from the run before; 0 for none.
    """

    speakers: Speakers
    emitter: Emitter
    accepted: int | None = None
    last_turn: int | None = None
    resent: int = 0

    def accepts(self, turn: int) -> bool:
        """Whether that turn, in flight when the last run died, is taken as heard."""
        accepted, self.accepted = self.accepted, None
        return accepted == turn

    def pauses_after(self, turn: int) -> bool:
        """Whether this run waits once that turn is done."""
        return self.last_turn is not None and turn >= self.last_turn


def make_turn_request(state: State, runtime: Runtime[Any], turn: int) -> TurnRequest:
    """What a speaker is asked in this state."""
    info = runtime.execution_info
    return TurnRequest(
        conversation_id=(info and info.thread_id) or "unsaved",
        turn=turn,
        messages=state.get("messages", []),
        scenario=Scenario.read(state["scenario"]),
        session=state.get("session") or {},
        sources=state.get("sources") or [],
    )


def retry_limits(speakers: Speakers) -> RetryLimits:
    return RetryLimits(speakers.settings.attempts, speakers.settings.attempts_total_s)


def bot_place(
    speakers: Speakers, request: TurnRequest, bot: Bot, emitter: Emitter
) -> AbstractAsyncContextManager[None]:
    """A place among the calls that this bot allows; who waits for one says so."""
    waits = f"waiting for a free place at {bot.name}"
    return speakers.limits(request.scenario).place(lambda: emitter.status("queued", waits))

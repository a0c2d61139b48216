"""The bot under test answers: one call, and what it said becomes the turn's messages."""

from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from langgraph.runtime import Runtime

from core.ends import EndReason
from core.errors import BotError
from core.message import Message, new_message
from core.rules import find_end_reason
from core.state import State, append_lines
from nodes.calls.retry import attempts
from nodes.context import RunContext, bot_place, make_turn_request, retry_limits
from nodes.speakers.leaving import find_reached
from nodes.speakers.protocol import Reply, TurnRequest

MAX_BUBBLES = 100


async def run_bot_turn(state: State, runtime: Runtime[RunContext]) -> State:
    """One turn, or the greeting where nothing was said yet. Raises `BotError`."""
    context, speakers = runtime.context, runtime.context.speakers
    messages, done = state.get("messages", []), state.get("turn", 0)
    context.emitter.update_transcript(messages, done)
    turn = done + 1 if messages and messages[-1]["role"] == "user" else 0
    request = make_turn_request(state, runtime, turn)
    if turn and context.accepts(turn):
        return _finish_turn(state, request, Reply([]), [], 0.0, runtime)
    bot = speakers.bot(request.scenario)
    async with bot_place(speakers, request, bot, context.emitter):
        started = monotonic()
        said = f"turn {turn} sent to {bot.name}{_describe_resending(context, request)}"
        context.emitter.status("sending", said, turn=turn, speaker="assistant")
        reply = await attempts(
            partial(bot.reply, request, partial(context.emitter.piece, "assistant")),
            fail=BotError,
            who=bot.name,
            emitter=context.emitter,
            patience=retry_limits(speakers),
        )
        took = monotonic() - started
        _refuse_flood(reply, bot.name)
    aims = find_reached(
        state["scenario"].get("card") or {}, messages, "assistant", "\n".join(reply.bubbles)
    )
    extras = {
        "aims": list(aims),
        "sources": [*request.sources] if turn else [],
        "recorded": reply.recorded_ms is not None or None,
    }
    latency_ms = round(took * 1000) if reply.recorded_ms is None else reply.recorded_ms
    lines = _lines(reply, len(messages), turn, bot.name, latency_ms, extras)
    return _finish_turn(state, request, reply, lines, took, runtime)


def _describe_resending(context: RunContext, request: TurnRequest) -> str:
    """What to know of a turn that the bot may have heard before a crash."""
    if not context.resent or context.resent != request.turn:
        return ""
    effects = context.speakers.config(request.scenario).has_side_effects
    warning = "; unless it knows that key, what the turn causes happens twice"
    return f" again, with the key of the first time{warning if effects else ''}"


def _refuse_flood(reply: Reply, name: str) -> None:
    """Raises `BotError`: a list without end would be a message, a row and an event each."""
    if (sent := len(reply.bubbles)) > MAX_BUBBLES:
        said = f"{name} sent {sent:,} messages in one reply; at most {MAX_BUBBLES} are taken"
        raise BotError("too_large", said)


def _lines(
    reply: Reply, index: int, turn: int, name: str, latency_ms: int, extras: Mapping[str, Any]
) -> list[Message]:
    return [
        new_message(
            "assistant",
            text,
            index=index + place,
            turn=turn,
            origin="bot",
            name=name,
            latency_ms=latency_ms,
            usage=reply.usage if place == 0 else None,
            parts=[*reply.parts[place]] if place < len(reply.parts) else None,
            **(extras if place == 0 else {}),
        )
        for place, text in enumerate(reply.bubbles)
    ]


def _finish_turn(
    state: State,
    request: TurnRequest,
    reply: Reply,
    lines: Sequence[Message],
    took: float,
    runtime: Runtime[RunContext],
) -> State:
    """The state once the turn is done: counted, and ended where there is a reason to."""
    spent = state.get("spent_s", 0.0) + took
    update: State = {
        "messages": append_lines(lines),
        "turn": max(request.turn, state.get("turn", 0)),
    }
    update["spent_s"] = spent
    if reply.session is not None:
        update["session"] = dict(reply.session)
    everything = [*state.get("messages", []), *lines]
    if reply.ended:
        update["end_reason"] = EndReason.BOT_ENDED.value
    elif request.turn:
        reason = find_end_reason(
            request.scenario,
            everything,
            request.turn,
            spent_s=spent,
            closing=state.get("closing", False),
            seat=state.get("seat"),
        )
        update["end_reason"] = reason and reason.value
    if (
        not update.get("end_reason")
        and runtime.context.pauses_after(request.turn)
        and runtime.control
    ):
        runtime.control.request_drain("turns")
    return update

"""The user speaks: a model, a script, or a person who is waited for."""

from functools import partial
from time import monotonic
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from core.ends import EndReason
from core.errors import UserError
from core.events import Emitter
from core.state import Seat, State, adding, message
from core.text import clean
from nodes.calls.retry import attempts
from nodes.context import AnyContext, asked, patience
from nodes.speakers.protocol import TurnRequest, UserLine
from nodes.speakers.registry import Speakers


async def user_speaks(
    state: State, runtime: Runtime[Any], speakers: Speakers, context_of: AnyContext
) -> State:
    """The user's next line; with it, the turn counts as sent. Raises `UserError`."""
    emitter = context_of(runtime).emitter
    done, said = state.get("turn", 0), state.get("messages", [])
    emitter.stored(said, done)
    ask, began = asked(state, runtime, done + 1), monotonic()
    seat = state.get("seat") or speakers.default_seat
    line, name = await _line(state, ask, seat, speakers, emitter)
    if not line.text.strip():
        return {"end_reason": EndReason.USER_DONE.value}
    took = monotonic() - began
    fresh = message(
        "user",
        line.text,
        index=len(said),
        turn=ask.turn,
        origin=line.origin,
        name=name,
        latency_ms=round(took * 1000) if line.origin == "simulated" else None,
        usage=line.usage,
    )
    spent = state.get("spent_s", 0.0) + (took if line.origin != "human" else 0.0)
    update: State = {
        "messages": adding([fresh]),
        "sent": ask.turn,
        "closing": line.leaving,
        "spent_s": spent,
    }
    return {**update, "unsaid": None} if state.get("unsaid") else update


async def _line(
    state: State, ask: TurnRequest, seat: Seat, speakers: Speakers, emitter: Emitter
) -> tuple[UserLine, str]:
    if unsaid := state.get("unsaid"):
        return UserLine(unsaid, "human"), "human"
    if seat == "human":
        return _person(ask), "human"
    fixed = _fixed(state, ask, speakers)
    if fixed is not None:
        return UserLine(fixed, "scripted"), "user"
    user = speakers.user(ask.scenario, seat, state["scenario"].get("card") or {}, emitter)
    emitter.status("running", f"{user.name} is thinking", speaker="user")
    line = await attempts(
        partial(user.say, ask, partial(emitter.piece, "user")),
        fail=UserError,
        who=user.name,
        emitter=emitter,
        patience=patience(speakers),
    )
    return line, user.name


def _person(ask: TurnRequest) -> UserLine:
    """Waits for a person: the run ends here. Studio answers the interrupt; a line that comes by
    HTTP is in the state before the next run."""
    answer = interrupt(
        {
            "waiting_for": "a line from the person in the user's seat",
            "turn": ask.turn,
            "bot_said": ask.text,
            "answer_with": {"content": "text"},
        }
    )
    text = answer.get("content", "") if isinstance(answer, dict) else answer
    return UserLine(clean(str(text)), "human")


def _fixed(state: State, ask: TurnRequest, speakers: Speakers) -> str | None:
    """The line that the scenario lays in the user's mouth: an opening, then its `lines`."""
    scenario, said = ask.scenario, ask.messages
    # A person who took the seat for a while took none of these lines.
    spoken = sum(1 for line in said if line["role"] == "user" and line["origin"] == "scripted")
    script = list(scenario.lines)
    if scenario.initial_message is not None:
        script.insert(0, scenario.initial_message)
    elif not script and not said:
        opening = _opening(state, speakers, ask)
        script = [opening] if opening else []
    return script[spoken] if spoken < len(script) else None


def _opening(state: State, speakers: Speakers, ask: TurnRequest) -> str | None:
    snapshot: dict[str, Any] = state["scenario"].get("card") or {}
    return snapshot.get("opening") if snapshot else speakers.persona(ask.scenario).opening

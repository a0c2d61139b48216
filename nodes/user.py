"""The user speaks: a model, a script, or a person who is waited for."""

from functools import partial
from time import monotonic
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from core.ends import EndReason
from core.errors import UserError
from core.events import Emitter
from core.lines import (
    are_lines_done,
    begins_with_persona,
    find_planned_text,
    find_position,
    has_lines,
)
from core.message import new_message
from core.parts import find_choice
from core.state import Seat, State, append_lines
from core.text import clean
from nodes.calls.retry import attempts
from nodes.context import RunContext, make_turn_request, retry_limits
from nodes.speakers.leaving import find_reached, list_reached
from nodes.speakers.protocol import TurnRequest, UserLine
from nodes.speakers.registry import Speakers


async def run_user_turn(state: State, runtime: Runtime[RunContext]) -> State:
    """The user's next line; with it, the turn counts as sent. Raises `UserError`."""
    speakers, emitter = runtime.context.speakers, runtime.context.emitter
    done, messages = state.get("turn", 0), state.get("messages", [])
    emitter.update_transcript(messages, done)
    request, started = make_turn_request(state, runtime, done + 1), monotonic()
    seat = state.get("seat") or speakers.default_seat
    if _has_nothing_to_say(state, request, seat):
        return {"end_reason": EndReason.LINES_DONE.value}
    line, name = await _line(state, request, seat, speakers, emitter)
    if not line.text.strip():
        return {"end_reason": EndReason.USER_DONE.value}
    took = monotonic() - started
    fresh = new_message(
        "user",
        line.text,
        index=len(messages),
        turn=request.turn,
        origin=line.origin,
        name=name,
        latency_ms=round(took * 1000) if line.origin == "simulated" else None,
        usage=line.usage,
        discarded=list(line.discarded),
        behaviour=line.behaviour,
        invented=list(line.invented),
        typed=list(line.typed),
        aims=_list_aims(state, line),
        model=line.model,
        line_position=_position_after(request, line),
        choice=find_choice(messages, line.text, len(messages)),
    )
    spent = state.get("spent_s", 0.0) + (took if line.origin != "human" else 0.0)
    update: State = {
        "messages": append_lines([fresh]),
        "sent": request.turn,
        "closing": line.leaving,
        "spent_s": spent,
    }
    return {**update, "unsaid": None} if state.get("unsaid") else update


def _list_aims(state: State, line: UserLine) -> list[str]:
    snapshot, messages = state["scenario"].get("card") or {}, state.get("messages", [])
    reached = find_reached(snapshot, messages, "user", line.text)
    before = set(list_reached(messages))
    return list(dict.fromkeys([*reached, *(aim for aim in line.aims if aim not in before)]))


def _has_nothing_to_say(state: State, request: TurnRequest, seat: Seat) -> bool:
    """A person who gave the seat back after the last of the scenario's lines."""
    return (
        seat != "human"
        and not state.get("unsaid")
        and are_lines_done(request.scenario, request.messages)
    )


async def _line(
    state: State, request: TurnRequest, seat: Seat, speakers: Speakers, emitter: Emitter
) -> tuple[UserLine, str]:
    if unsaid := state.get("unsaid"):
        return UserLine(unsaid, "human"), "human"
    if seat == "human":
        return _ask_person(request), "human"
    scripted = _find_scripted_text(state, request, speakers)
    if scripted is not None:
        return UserLine(scripted, "scripted"), "user"
    user = speakers.user(request.scenario, seat, state["scenario"].get("card") or {}, emitter)
    emitter.status("running", f"{user.name} is thinking", speaker="user")
    line = await attempts(
        partial(user.say, request, partial(emitter.piece, "user")),
        fail=UserError,
        who=user.name,
        emitter=emitter,
        patience=retry_limits(speakers),
    )
    return line, user.name


def _ask_person(request: TurnRequest) -> UserLine:
    """Waits for a person: the run ends here. Studio answers the interrupt; a line that comes by
    HTTP is in the state before the next run."""
    answer = interrupt(
        {
            "waiting_for": "a line from the person in the user's seat",
            "turn": request.turn,
            "bot_said": request.text,
            "answer_with": {"content": "text"},
        }
    )
    text = answer.get("content", "") if isinstance(answer, dict) else answer
    return UserLine(clean(str(text)), "human")


def _find_scripted_text(state: State, request: TurnRequest, speakers: Speakers) -> str | None:
    """The line that is laid in the user's mouth: by the scenario, or as the persona's opening."""
    planned = find_planned_text(request.scenario, find_position(request.messages))
    if planned is None and not request.messages and begins_with_persona(request.scenario):
        return _opening(state, speakers, request)
    return planned


def _position_after(request: TurnRequest, line: UserLine) -> int | None:
    """How far the scenario's lines are used up; a person's line uses none of them."""
    if not has_lines(request.scenario):
        return None
    return find_position(request.messages) + (line.origin != "human")


def _opening(state: State, speakers: Speakers, request: TurnRequest) -> str | None:
    snapshot: dict[str, Any] = state["scenario"].get("card") or {}
    return snapshot.get("opening") if snapshot else speakers.persona(request.scenario).opening

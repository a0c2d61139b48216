"""What there is to tell of a run, and through whom; the same for every kind of output."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from core.ends import EndReason, Status
from core.message import Role
from core.text import show_in_one_line
from graph.stream.live import Frame

SPEAKERS: dict[Role, str] = {"user": "User", "assistant": "Bot"}
NO_MODEL = (
    "No model is configured, so the scripted learner speaks for the user. "
    "OPENAI_API_KEY or OPENAI_BASE_URL gives you a simulated one."
)
_WHY = {
    EndReason.MAX_TURNS: "all turns are done",
    EndReason.USER_DONE: "the user left",
    EndReason.LINES_DONE: "all lines were said",
    EndReason.BOT_ENDED: "the bot ended it",
    EndReason.LOOP: "it went round in circles",
    EndReason.TIME_LIMIT: "its time was up",
    EndReason.COST_LIMIT: "its budget was spent",
}


@dataclass(frozen=True, slots=True)
class RunStart:
    """What is known before the first word. `notes` are what the caller may not expect."""

    id: str
    bot: str
    user: str
    turn: int
    max_turns: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended; `resume` is the command that goes on, where anything can."""

    id: str
    status: Status
    end_reason: str | None
    turns: int
    max_turns: int
    messages: int
    seconds: float
    error: dict[str, Any] | None
    resume: str | None

    @property
    def sentence(self) -> str:
        why = _WHY.get(EndReason(self.end_reason)) if self.end_reason else None
        turns = f"{self.turns} of {self.max_turns} turns"
        parts = [self.status.value, turns, f"{self.seconds:.1f} s"]
        return ", ".join([*parts, why] if why else parts)


class Output(Protocol):
    """Tells a person, or a program, what happens. Raises `BrokenPipeError` when nobody reads."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show_opening(self, opening: RunStart) -> None: ...

    def frame(self, frame: Frame) -> None: ...

    def show_closing(self, closing: RunEnd) -> None: ...


@dataclass(slots=True)
class MessageTally:
    """Counts what passes by, for the closing."""

    messages: int = 0
    error: dict[str, Any] | None = None
    done: dict[str, Any] = field(default_factory=dict)

    def note(self, frame: Frame) -> None:
        match frame.event:
            case "message":
                self.messages += 1
            case "error":
                self.error = frame.data
            case "done":
                self.done = frame.data


def format_error(error: dict[str, Any]) -> str:
    """One line: who failed, where, why, and how often it was tried."""
    text = show_in_one_line(str(error["error"]))
    attempts = error.get("attempts", 1)
    tried = f", {attempts} attempts" if attempts > 1 else ""
    return f"Error: {text} ({error['code']}{tried})"


def describe_note(frame: Frame) -> str | None:
    """What a person should know between the lines: retries, and what was taken back."""
    data = frame.data
    if frame.event == "status" and data["status"] == "retrying":
        return f"Retrying: {data['message']} (attempt {data['attempt']} of {data['attempts']})"
    if frame.event == "discarded":
        return f"A line of the simulated user was refused and is asked for again: {data['why']}"
    if frame.event == "reset":
        return f"The line is said anew: {data['why']}"
    return None


def describe_sources(line: Mapping[str, Any]) -> str | None:
    """Where the passages stand that the bot looked up for this line."""
    places = (
        f"{one['file']}, {one['page']}" if one["page"] else one["file"]
        for one in line.get("sources") or ()
    )
    return f"Sources: {'; '.join(places)}" if line.get("sources") else None


def describe_aims(line: Mapping[str, Any]) -> str | None:
    """The aims of the persona that were reached with this line."""
    aims = line.get("aims")
    return f"Aim reached: {'; '.join(aims)}" if aims else None


def resume_command(id: str, places: dict[str, str | None]) -> str:
    """What to type to go on; the id comes first, then the options that were given now."""
    given = [f"{option} {shlex.quote(value)}" for option, value in places.items() if value]
    return " ".join(["duologue resume", id, *given])

"""What a conversation is: plain, small, serialisable data. No clients, no secrets."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from langgraph.channels.delta import DeltaChannel

Role = Literal["user", "assistant"]
Seat = Literal["simulated", "scripted", "human"]
Origin = Literal["bot", "simulated", "scripted", "human", "given"]
InFlight = Literal["retry", "accept", "ask"]


class Usage(TypedDict, total=False):
    """Tokens that a model counted for one message."""

    input_tokens: int
    output_tokens: int


class Message(TypedDict):
    """One line of the conversation, by the user under simulation or by the bot under test.

    `turn` is the turn it belongs to (0: before the first), `timestamp` is ISO 8601 in UTC,
    `latency_ms` the time its speaker took. `type` is what LangGraph's chat views call a role.
    """

    id: str
    type: Literal["human", "ai"]
    role: Role
    name: str
    content: str
    turn: int
    timestamp: str
    origin: Origin
    latency_ms: NotRequired[int]
    usage: NotRequired[Usage]


def message(
    role: Role,
    content: str,
    *,
    index: int,
    turn: int,
    origin: Origin,
    name: str = "",
    latency_ms: int | None = None,
    usage: Usage | None = None,
) -> Message:
    """A message said now; `index` is its place in the transcript, from 0."""
    line: Message = {
        "id": str(index),
        "type": "human" if role == "user" else "ai",
        "role": role,
        "name": name or ("user" if role == "user" else "bot"),
        "content": content,
        "turn": turn,
        "timestamp": now(),
        "origin": origin,
    }
    if latency_ms is not None:
        line["latency_ms"] = latency_ms
    if usage:
        line["usage"] = usage
    return line


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def adding(lines: Sequence[Message]) -> Any:
    """An update that adds lines to the transcript.

    Not a bare list: LangGraph would make LangChain message objects of those, which cost thirty
    times as much to store.
    """
    return {"said": list(lines)}


def append(said: list[Any], news: Sequence[Any]) -> list[Any]:
    """Reducer of the transcript: lines are added, never changed."""
    grown = list(said)
    for update in news:
        lines = update.get("said", [update]) if isinstance(update, dict) else update
        for line in lines if isinstance(lines, list | tuple) else [lines]:
            grown.append(line if isinstance(line, dict) else _told(line, len(grown)))
    return grown


def _told(line: Any, index: int) -> Message:
    """A message that a LangGraph client put into the state, as one of ours."""
    role: Role = "assistant" if getattr(line, "type", "human") == "ai" else "user"
    text = line if isinstance(line, str) else str(line.text)
    return message(role, text, index=index, turn=0, origin="given")


def merge(known: dict[str, Any], news: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Reducer of the scenario: later values win, key by key."""
    for update in news:
        known = {**known, **update}
    return known


# Snapshots repeat the whole value: rare enough that storage grows with turns, not their square.
SNAPSHOT_EVERY = 4000


class State(TypedDict, total=False):
    """A conversation between two steps.

    `session` holds what the bot gave when it was opened, `turn` counts finished bot turns,
    `sent` is the last turn that was handed to the bot, `replayed` counts the user lines that a
    fork has told its fresh bot again, `diverged` is the message it first answered otherwise,
    `closing` is set when the user said good-bye for good, `spent_s` counts the seconds that
    finished turns took.
    """

    messages: Annotated[list[Message], DeltaChannel(append, snapshot_frequency=SNAPSHOT_EVERY)]
    scenario: Annotated[dict[str, Any], DeltaChannel(merge, snapshot_frequency=SNAPSHOT_EVERY)]
    session: dict[str, Any]
    turn: int
    sent: int
    replayed: int
    diverged: int
    seat: Seat
    closing: bool
    spent_s: float
    end_reason: str | None

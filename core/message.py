"""A message: how it lies on disk, and how clients read it in a stream and over the API.

Messages are plain dicts. Objects of LangChain take some forty times as long to store.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic makes no schema of typing's before 3.12

from core.parts import Part

Role = Literal["user", "assistant"]
Origin = Literal["bot", "simulated", "scripted", "human", "given"]


class Usage(TypedDict, total=False):
    """Tokens that a model counted for one message."""

    input_tokens: int
    output_tokens: int


class Refused(TypedDict):
    """A line of the simulator that was refused: its text, why, and what it cost.

    `kind` is one of the guard's, or `empty`, `truncated` or `refused`.
    """

    text: str
    why: str
    kind: NotRequired[str]
    usage: NotRequired[Usage]


class Invented(TypedDict):
    """A name or figure in a user's line that stands in neither the persona nor the talk."""

    kind: Literal["phone", "date", "money", "name", "link"]
    text: str


class Source(TypedDict):
    """A passage that the bot looked up: at most 200 characters of it, `page` from 1 if it has any.

    A higher `score` is a better match, comparable within one message only.
    """

    id: str
    file: str
    page: int | None
    score: float
    text: str


class Extras(TypedDict, total=False):
    """Facts that only some messages have. They are left out where there are none.

    A field that is added here is stored, streamed and shown under its own name. `behaviour` and
    `typed` are what the person did and how they typed, `aims` those of the persona's aims that
    were reached with this message, `model` is the one that played the user. `recorded` is true
    where a reply came from a cassette; its `latency_ms` is the time it took when it was recorded.
    `not_in_session` is true of a fork's reply that its own session of the bot never gave.
    `parts` are what a reply holds besides its text, which may be empty then; `choice` is the
    button whose title the user said.
    """

    discarded: list[Refused]
    behaviour: str
    sources: list[Source]
    invented: list[Invented]
    typed: list[str]
    aims: list[str]
    model: str
    recorded: bool
    not_in_session: bool
    parts: list[Part]
    choice: Part


class Message(Extras):
    """One line of the conversation, by the user under simulation or by the bot under test.

    `turn` is the turn it belongs to (0: before the first), `timestamp` is ISO 8601 in UTC,
    `latency_ms` the time its speaker took. `type` is what LangGraph's chat views call a role.
    `line_position` says, after a user's line, how many of the scenario's lines are used up.
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
    line_position: NotRequired[int]


class TranscriptLine(Extras):
    """A message of a transcript, as the API shows it."""

    role: Role
    content: str
    timestamp: str
    origin: Origin
    index: int
    turn: int
    name: str
    latency_ms: int | None
    usage: Usage | None


_EXTRAS = frozenset(Extras.__annotations__)
# A thousand transcripts count alike: the text of a number is kept once.
_id = lru_cache(maxsize=4096)(str)


def new_message(
    role: Role,
    content: str,
    *,
    index: int,
    turn: int,
    origin: Origin,
    name: str = "",
    latency_ms: int | None = None,
    usage: Usage | None = None,
    **extras: Any,
) -> Message:
    """A message said now; `index` is its place in the transcript, from 0.

    `extras` are fields that only some messages have; those that are empty are left out.
    """
    line: Message = {
        "id": _id(index),
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
    line.update({name: extra for name, extra in extras.items() if extra not in (None, [], "")})  # type: ignore[typeddict-item]
    return line


def to_event(line: Message, index: int) -> dict[str, Any]:
    """The data of a `message` event."""
    return {
        "role": line["role"],
        "text": line["content"],
        "index": index,
        "turn": line["turn"],
        "timestamp": line["timestamp"],
        "origin": line["origin"],
        "name": line["name"],
        "latency_ms": line.get("latency_ms"),
        "usage": line.get("usage"),
        **_extras(line),
    }


def to_public(line: Message, index: int) -> TranscriptLine:
    """The message in a transcript of the API."""
    return {
        "role": line["role"],
        "content": line["content"],
        "timestamp": line["timestamp"],
        "origin": line["origin"],
        "index": index,
        "turn": line["turn"],
        "name": line["name"],
        "latency_ms": line.get("latency_ms"),
        "usage": line.get("usage"),
        **_extras(line),  # type: ignore[typeddict-item]
    }


def _extras(line: Mapping[str, Any]) -> Any:
    return {name: line[name] for name in _EXTRAS & line.keys()}


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return to_timestamp(datetime.now(UTC))


def to_timestamp(moment: datetime) -> str:
    """A time in UTC as `now` gives it; as text, such times sort by time."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

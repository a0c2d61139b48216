"""Reading an event stream by the letter of WHATWG's format, and what a client makes of it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

SPEAKERS = {"user": "User", "assistant": "Bot"}


@dataclass(frozen=True)
class Frame:
    """One event."""

    event: str
    data: dict[str, Any]
    id: str


def parse_frame(block: bytes) -> Frame | None:
    """The event of a block of lines; None for a comment. Raises where the form is not kept."""
    fields: dict[str, str] = {}
    for line in block.decode("utf-8").split("\n"):
        if line.startswith(":"):
            continue
        name, colon, value = line.partition(": ")
        assert colon, line
        assert name in ("id", "event", "data"), line
        assert name not in fields, line
        fields[name] = value
    if not fields:
        return None
    data = json.loads(fields["data"])
    assert isinstance(data, dict)
    return Frame(fields["event"], data, fields.get("id", ""))


class Torn(AssertionError):
    """A stream ended inside a frame."""


class Frames:
    """The frames of a response, one at a time. A stream that ends inside a frame is an error."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.pings = 0
        self._rest = b""
        self._ready: list[Frame] = []

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        while not self._ready:
            chunk = await self.response.content.readany()
            if not chunk:
                if self._rest:
                    raise Torn(f"{self._rest[:200]!r}")
                raise StopAsyncIteration
            self._take(chunk)
        return self._ready.pop(0)

    def _take(self, chunk: bytes) -> None:
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        for block in blocks:
            frame = parse_frame(block)
            self.pings += frame is None
            self._ready += [frame] if frame else []

    async def until(self, event: str, **data: Any) -> Frame:
        """The next frame of that name whose data holds these values."""
        async for frame in self:
            if frame.event == event and data.items() <= frame.data.items():
                return frame
        raise AssertionError(f"the stream ended before {event} {data}")


@dataclass
class Heard:
    """What a client knows that does as the contract says: adds tokens up, honours `reset`."""

    texts: dict[int, str] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    doubled: list[int] = field(default_factory=list)
    differing: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    breaks: int = 0

    @property
    def last(self) -> str | None:
        return self.ids[-1] if self.ids else None

    @property
    def lines(self) -> list[str]:
        """The texts put together from tokens, in order."""
        return [self.texts[index] for index in sorted(self.texts)]

    @property
    def told(self) -> list[str]:
        """The texts of the `message` events, in order."""
        return [self.messages[index]["text"] for index in sorted(self.messages)]

    def take(self, frame: Frame) -> None:
        assert frame.id, frame
        self.events.append(frame.event)
        self.ids.append(frame.id)
        if frame.event != "token":
            self.reports.append((frame.event, frame.data))
        index = frame.data.get("index")
        match frame.event:
            case "token":
                self.texts[index] = self.texts.get(index, "") + frame.data["content"]
                self.roles[index] = frame.data["role"]
            case "reset" | "discarded":
                self.texts.pop(index, None)
            case "message":
                self._message(index, frame.data)
            case "status":
                self.statuses.append(frame.data["status"])
            case "error":
                self.errors.append(frame.data)
            case "done":
                self.done.append(frame.data)
            case other:
                raise AssertionError(f"an unknown event: {other}")

    def _message(self, index: int, data: dict[str, Any]) -> None:
        if index in self.messages:
            self.doubled.append(index)
        if self.texts.get(index) != data["text"]:
            self.differing.append(index)
        self.messages[index] = data

    @classmethod
    def of(cls, frames: list[Frame]) -> "Heard":
        heard = cls()
        for frame in frames:
            heard.take(frame)
        return heard

    def must_be(self, history: list[dict[str, Any]]) -> None:
        """All that was heard is the transcript, to the letter and once."""
        said = [line["content"] for line in history]
        assert self.lines == said
        assert self.told == said
        assert list(self.messages) == list(range(len(said)))
        assert not self.doubled
        assert not self.differing


def said_of(history: list[dict[str, Any]]) -> str:
    """The transcript as /simulate writes it."""
    return "".join(f"{SPEAKERS[line['role']]}: {line['content']}\n" for line in history)

"""Bytes of an event stream → events, by the WHATWG rules. No I/O here."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event; `id` is where the stream can be taken up again."""

    name: str
    data: dict[str, Any]
    id: str = ""


@dataclass
class Parser:
    """Feed it what arrives; it gives the events that are complete."""

    last_id: str = ""
    _rest: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        for line in self._lines(self._decoder.decode(chunk)):
            if line:
                self._field(line)
            elif self._data:
                yield self._event()

    def _lines(self, text: str) -> list[str]:
        # Not splitlines(): U+2028 and its like are text, not ends of lines.
        text = self._rest + text
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        self._rest = rest + held
        return lines

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self.last_id = value

    def _event(self) -> StreamEvent:
        name, data = self._name or "message", "\n".join(self._data)
        self._name, self._data = "", []
        try:
            found = json.loads(data)
        except ValueError:
            found = {"data": data}
        return StreamEvent(
            name, found if isinstance(found, dict) else {"data": found}, self.last_id
        )

"""Server-sent events: bytes in, events out, by the WHATWG rules. No I/O."""

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event. `data` are the bytes as they came, lines joined by a line feed."""

    event: str
    data: bytes
    id: str = ""


class SseParser:
    """Takes blocks as they are read; an event is given once its blank line was there."""

    __slots__ = ("_begun", "_data", "_event", "_id", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._begun = False
        self._event, self._id = "", ""
        self._data: list[bytes] = []

    def feed(self, block: bytes) -> list[SseEvent]:
        """The events that end in this block."""
        self._parts.append(block)
        if b"\n" not in block and b"\r" not in block:
            return []
        text = b"".join(self._parts)
        if not self._begun:
            text, self._begun = text.removeprefix(_BOM), True
        held = b""
        if b"\r" in text:
            held = b"\r" if text.endswith(b"\r") else b""  # maybe half of a CRLF
            text = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._parts = [rest + held]
        return self._take(lines)

    def flush(self) -> list[SseEvent]:
        """What was whole but for its blank line when the stream ended."""
        return self.feed(b"\n\n")

    def _take(self, lines: list[bytes]) -> list[SseEvent]:
        events = []
        for line in lines:
            if not line:
                if self._data:
                    data = b"\n".join(self._data)
                    events.append(SseEvent(self._event or "message", data, self._id))
                self._event, self._data = "", []
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            else:
                self._take_field(line)
        return events

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"event":
            self._event = text
        elif name == b"id" and "\0" not in text:
            self._id = text
        elif name == b"data":
            self._data.append(b"")

"""The journal: every request that a test server received, in memory and as JSON lines."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LONGEST_REPLY = 1_000_000
"""Replies above this many characters are not kept."""


@dataclass(kw_only=True)
class Call:
    """One request as the server saw it.

    `number` counts all requests from 1, `at` and `left_at` (the client went away while it
    waited) are `time.monotonic()` seconds, comparable between processes of one machine. `key` is
    the Idempotency-Key header. `overlapped`: another request of the same conversation was still
    open. `reply` is what a valid answer said; `fault` the kind of fault that struck.
    """

    number: int
    op: str
    path: str
    at: float
    key: str | None = None
    traceparent: str | None = None
    overlapped: bool = False
    reply: str | None = None
    fault: str | None = None
    left_at: float | None = None

    @property
    def conversation(self) -> str | None:
        return None

    def as_json(self) -> dict[str, Any]:
        facts = asdict(self)
        if self.reply is not None and len(self.reply) > LONGEST_REPLY:
            facts["reply"] = None
        return facts


class Journal:
    """Appends a line the moment a reply is decided: before it is sent, so none is missing."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None

    def write(self, call: Call) -> None:
        if self._file is not None:
            self._file.write(json.dumps(call.as_json()) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The calls in a journal file; a last line still being written is left out."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            yield json.loads(line)

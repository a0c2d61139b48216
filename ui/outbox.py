"""What a tab was sent, so that only what changed since crosses the wire again. No Gradio here."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Page = dict[str, Any]
LAG = 4  # updates: a browser may merge a few into one and then misses none of them
PARTS = ("notice", "head", "banner", "empty", "side")
COLUMNS = ("rows", "other")


@dataclass
class Column:
    """Rows, each with the version in which it last changed."""

    rows: list[str] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)

    def update(self, rows: Sequence[str], version: int) -> None:
        del self.rows[len(rows) :], self.stamps[len(rows) :]
        for at, row in enumerate(rows):
            if at == len(self.rows):
                self.rows.append(row)
                self.stamps.append(version)
            elif self.rows[at] is not row and self.rows[at] != row:
                self.rows[at], self.stamps[at] = row, version

    def changed_since(self, base: int) -> Page:
        found = [(at, self.rows[at]) for at, stamp in enumerate(self.stamps) if stamp > base]
        return {"count": len(self.rows), "changed": found}


class Outbox:
    """Packs pages: each says from which version on it is complete (`base`) and its own version.

    A browser that has an older version than `base` asks for what it missed (`resend`).
    """

    def __init__(self) -> None:
        self.version = 0
        self._shown: tuple[Any, Any] | None = None
        self._parts: dict[str, tuple[str, int]] = {}
        self._columns = {name: Column() for name in COLUMNS}
        self._sent: deque[int] = deque(maxlen=LAG)
        self._missed: int | None = None

    def resend(self, since: int) -> None:
        """The next page has all that changed after version `since`."""
        self._missed = since if self._missed is None else min(since, self._missed)

    def pack(self, page: Mapping[str, Any]) -> Page:
        self.version += 1
        base = self._choose_base((page["thread"], page.get("beside")))
        for name in PARTS:
            if self._parts.get(name, ("", 0))[0] != page[name] or name not in self._parts:
                self._parts[name] = (page[name], self.version)
        for name, column in self._columns.items():
            column.update(page.get(name, ()), self.version)
        self._sent.append(self.version)
        parts = {name: html for name, (html, stamp) in self._parts.items() if stamp > base}
        columns = {name: column.changed_since(base) for name, column in self._columns.items()}
        kept = {
            name: page.get(name) for name in ("thread", "moved", "flags", "messages", "differs")
        }
        return {"version": self.version, "base": base, "parts": parts, **columns, **kept}

    def _choose_base(self, shown: tuple[Any, Any]) -> int:
        """Another conversation is sent whole; of the same one what is new since a few updates."""
        missed, self._missed = self._missed, None
        if shown != self._shown:
            self._shown = shown
            self._sent.clear()
            return 0
        base = self._sent[0] if self._sent else 0
        return base if missed is None else min(base, missed)

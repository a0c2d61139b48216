"""Cursors of the event stream: positions in the transcript that any process understands."""

import re
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from core.errors import Invalid

_FORM = re.compile(r"(\d{1,9})\.(\d{1,9})\.([0-9a-f]{1,8})\.(\d{1,9})\.(\d{1,9})([de]?)", re.ASCII)


@dataclass(slots=True, unsafe_hash=True)  # frozen ones take four times as long to make
class Cursor:
    """After the first `offset` characters of message `index`, whose CRC-32 is `check`.

    `run` and `seq` count the run and its reports that are no text; they are exact while the
    run's process lives, and the position alone serves after that. `last` names the report
    that a run ends with, where that was the one: `e`rror or `d`one.
    """

    index: int = 0
    offset: int = 0
    check: int = 0
    run: int = 0
    seq: int = 0
    last: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `Invalid` for what never was a cursor."""
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise Invalid("is not an id of this stream", "Last-Event-ID")
        index, offset, check, run, seq, last = found.groups()
        return cls(int(index), int(offset), int(check, 16), int(run), int(seq), last)

    def __str__(self) -> str:
        return f"{self.index}.{self.offset}.{self.check:x}.{self.run}.{self.seq}{self.last}"


def update_checksum(text: str, known: int = 0) -> int:
    """The CRC-32 of text in UTF-8, going on from `known`."""
    return crc32(text.encode("utf-8", "replace"), known)

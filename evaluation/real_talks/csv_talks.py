"""Talks in CSV: a row a line of somebody, and a column that says to which talk it belongs."""

import csv
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TextIO

from core.errors import Invalid
from evaluation.real_talks.talk import (
    Part,
    RealLine,
    Refusal,
    Role,
    Unusable,
    make_talk,
    read_role,
    read_text,
)

KNOWN = {
    "talk": "talk talk_id conversation conversation_id session session_id thread thread_id chat_id",
    "role": "role speaker sender from author",
    "text": "text content message body utterance",
}
LONGEST_ROW = 200
"""Lines of the file that one row may take; what is longer is a quotation mark without its pair."""


class Columns(NamedTuple):
    """Where talk, role and text stand."""

    talk: int
    role: int
    text: int


class Row(NamedTuple):
    line: int
    cells: list[str]


def read_csv(file: TextIO, roles: Mapping[str, Role], names: Mapping[str, str]) -> Iterator[Part]:
    """The talks in the order of their first rows, which may be mixed. Raises `Invalid` for a file
    that lacks a column; `names` are the columns that are called otherwise.
    """
    rows = _read_rows(file)
    head = next(rows, None)
    if head is None:
        return
    columns = find_columns(head.cells, names)
    talks: dict[str, list[Row]] = {}
    for row in rows:
        if len(row.cells) <= max(columns):
            yield Refusal(row.line, f"the row has {len(row.cells)} cells, not {len(head.cells)}")
        else:
            talks.setdefault(row.cells[columns.talk], []).append(row)
    for some in talks.values():
        yield _read_talk(some, columns, roles)


def find_columns(head: list[str], names: Mapping[str, str]) -> Columns:
    """Raises `Invalid`."""
    folded = [cell.strip().casefold() for cell in head]
    places = []
    for part, known in KNOWN.items():
        wanted = [names[part].casefold()] if part in names else known.split()
        place = next((folded.index(name) for name in wanted if name in folded), None)
        if place is None:
            raise Invalid(
                f"no column holds the {part}; --column {part}=NAME says which of "
                f"{', '.join(cell.strip()[:40] for cell in head[:20])} does",
                "column",
            )
        places.append(place)
    return Columns(*places)


def _read_talk(rows: list[Row], columns: Columns, roles: Mapping[str, Role]) -> Part:
    lines = list[RealLine]()
    for row in rows:
        try:
            role = read_role(row.cells[columns.role], roles)
            text = read_text(row.cells[columns.text])
        except Unusable as error:
            return Refusal(row.line, str(error))
        if role is not None:
            lines.append(RealLine(role, text))
    try:
        return make_talk(rows[0].line, lines)
    except Unusable as error:
        return Refusal(rows[0].line, str(error))


def _read_rows(file: TextIO) -> Iterator[Row]:
    """Rows, each read by itself: a quotation mark without its pair costs its own line alone."""
    coming, held = deque[tuple[int, str]](), list[tuple[int, str]]()
    numbered = enumerate(file, 1)
    is_open = False
    while True:
        one = coming.popleft() if coming else next(numbered, None)
        if one is not None:
            held.append(one)
            is_open ^= one[1].count('"') % 2 == 1
        if is_open and one is not None and len(held) <= LONGEST_ROW:
            continue
        if not held:
            return
        count = 1 if is_open else len(held)
        yield from _parse(held[:count])
        coming.extendleft(reversed(held[count:]))
        held, is_open = [], False


def _parse(held: list[tuple[int, str]]) -> Iterator[Row]:
    text = "".join(text for _, text in held).replace("\0", "\ufffd")
    cells = next(csv.reader([text]), [])
    if any(cell.strip() for cell in cells):
        yield Row(held[0][0], cells)

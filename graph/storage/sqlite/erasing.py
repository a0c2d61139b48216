"""What was deleted leaves the files: the log is emptied, and no copy stays behind in a page.

`secure_delete` overwrites what is deleted, but not the copies that SQLite leaves behind in a page
when it moves rows to the page's neighbour: of about a thousand deletions, one leaves its id and
text so. Each deletion is therefore noted, by a digest of the id. Then the file is looked through
for ids with such a digest, and only where one stands is it written anew (VACUUM).
"""

import hashlib
import logging
import os
import re
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import monotonic

from graph.storage.sql.statements import Connection
from graph.storage.sqlite.handles import Handle

BUSY_MS = 100
AGAIN_S = 5.0
"""So long after something was in the way it is tried again."""
SLICE_S = 0.05
PAUSE_S = 0.02
REWRITE_EVERY_S = 30.0
REWRITE_SHARE = 10
"""After a VACUUM, so many times as long passes before the next."""
CHUNK = 2**20
_ID_END = re.compile(rb"-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""The end of a random UUID: a search that begins with letters is ten times as quick."""
_HEAD = 13
_WHOLE = 36
_NOTE = "erasing "
Search = Generator[None, None, bool]
"""Steps through the file, and tells at its end whether something was found."""
log = logging.getLogger("duologue.storage")


def note_deletion(connection: Connection, id: str) -> None:
    """To be called in the transaction that deletes everything of `id`."""
    name = _NOTE + digest_id(id.encode(errors="replace"))
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", (name,))


def digest_id(id: bytes) -> str:
    return hashlib.sha256(id).hexdigest()[:32]


class Eraser:
    """Works in small slices, so that the writer whose thread it uses is never held up for long.

    But for a VACUUM, which takes a second of processor time for each 100 MB.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._search: Search | None = None
        self.has_found = False
        self._rewrite_at = 0.0
        self._notes: list[str] = []

    def work(self, connection: sqlite3.Connection) -> float | None:
        """Does a little; gives the seconds until there is more to do, None where all is done.

        Raises `sqlite3.Error`.
        """
        if self.has_found:
            return self._rewrite(connection)
        if self._search is None:
            return self._begin(connection)
        stop = monotonic() + SLICE_S
        try:
            while monotonic() < stop:
                next(self._search)
        except StopIteration as end:
            self._search, self.has_found = None, end.value
            if not self.has_found:
                self._forget(connection)
            return 0.0
        return PAUSE_S

    def _begin(self, connection: sqlite3.Connection) -> float | None:
        with without_waiting(connection):
            if not fold_log(connection):
                return AGAIN_S
        self._notes = _read_notes(connection)
        if not self._notes:
            return None
        digests = {note.removeprefix(_NOTE) for note in self._notes}
        self._search = search_ids(self._handle.number, digests)
        return 0.0

    def _rewrite(self, connection: sqlite3.Connection) -> float:
        if (wait := self._rewrite_at - monotonic()) > 0:
            with without_waiting(connection):
                fold_log(connection)  # for what is deleted meanwhile
            return min(wait, AGAIN_S)
        began = monotonic()
        self._notes = _read_notes(connection)
        try:
            with without_waiting(connection):
                connection.execute("VACUUM")
        except sqlite3.Error as error:
            log.warning("deleted text not erased yet", extra={"why": str(error)})
            self._rewrite_at = monotonic() + REWRITE_EVERY_S
            return REWRITE_EVERY_S
        took = monotonic() - began
        log.info("database written anew", extra={"seconds": round(took, 2)})
        self._rewrite_at = monotonic() + max(REWRITE_EVERY_S, REWRITE_SHARE * took)
        self.has_found = False
        self._forget(connection)
        return 0.0

    def _forget(self, connection: sqlite3.Connection) -> None:
        """One row a note, so that another process's notes of meanwhile stay."""
        for note in self._notes:
            connection.execute("DELETE FROM meta WHERE name = ?", (note,))
        self._notes = []


def _read_notes(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM meta WHERE name LIKE ?", (f"{_NOTE}%",))
    return [name for (name,) in rows]


def search_ids(file: int, digests: set[str]) -> Search:
    """Looks through the file, a chunk at a time, for an id whose digest is one of these."""
    place, rest = 0, b""
    while chunk := os.pread(file, CHUNK, place):
        text = rest + chunk
        for found in _ID_END.finditer(text):
            begin = found.start() - _HEAD
            if begin >= 0 and digest_id(text[begin : found.end()]) in digests:
                return True
        rest = text[1 - _WHOLE :]
        place += len(chunk)
        yield
    return False


def fold_log(connection: sqlite3.Connection) -> bool:
    """Folds the log into the file and empties it; False where a reader is in the way."""
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@contextmanager
def without_waiting(connection: sqlite3.Connection) -> Iterator[None]:
    """Whoever is in the way is not waited for."""
    ((usual,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual}")

"""An index of passages: one SQLite file with FTS5, built whole and then only read."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from nodes.knowledge.folding import fold, normalize
from nodes.knowledge.passages import Passage, Unreadable

VERSION = 2
MOST_PASSAGES = 200_000
_AT_ONCE = 500

TOKENIZER = "porter unicode61 remove_diacritics 0"
"""English words by their stems; Vietnamese syllables have no endings that it takes away."""
_SCHEMA = f"""
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-64000;
CREATE TABLE about (fingerprint TEXT, space TEXT);
CREATE TABLE documents (name TEXT PRIMARY KEY, stamp TEXT, problem TEXT) WITHOUT ROWID;
CREATE TABLE passages (
  number INTEGER PRIMARY KEY, id TEXT, file TEXT, page INTEGER, text TEXT, vector BLOB
);
CREATE VIRTUAL TABLE search USING fts5(
  toned, folded, content='', tokenize="{TOKENIZER}"
);
CREATE VIRTUAL TABLE words USING fts5vocab('search', 'col');
"""


class TooMuch(Exception):
    """There are more passages than an index may hold."""


class IndexWriter:
    """Writes an index; `target` must not be there yet. `finish` makes it whole."""

    def __init__(self, target: Path) -> None:
        self.count = 0
        self._database = sqlite3.connect(target)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def add_document(self, name: str, stamp: str, passages: Iterable[Passage]) -> str | None:
        """Says what is wrong with a document, which then has no passages; None: nothing is.

        Raises `TooMuch`.
        """
        begin, problem = self.count, None
        try:
            self._add(passages)
        except Unreadable as error:
            problem = str(error)
            self._database.execute("DELETE FROM passages WHERE number > ?", [begin])
            self.count = begin
        row = (name, stamp, problem)
        self._database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", row)
        return problem

    def _add(self, passages: Iterable[Passage]) -> None:
        for some in _batch(passages, _AT_ONCE):
            rows = [
                (number, one.id, one.file, one.page, one.text)
                for number, one in enumerate(some, self.count + 1)
            ]
            self._database.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, NULL)", rows)
            self.count += len(rows)
            if self.count > MOST_PASSAGES:
                raise TooMuch(f"there are more than {MOST_PASSAGES:,} passages; read less")

    def copy_vectors(self, old: Path, space: str) -> None:
        """Takes over what another index holds of the same passages in the same space."""
        about = read_about(old)
        if about is None or about[1] != space:
            return
        self._database.commit()
        self._database.execute("ATTACH DATABASE ? AS old", [f"{old.absolute().as_uri()}?mode=ro"])
        self._database.execute(
            "UPDATE passages AS fresh SET vector ="
            " (SELECT known.vector FROM old.passages AS known WHERE known.id = fresh.id)"
        )
        self._database.commit()
        self._database.execute("DETACH DATABASE old")

    def list_without_vector(self) -> list[tuple[int, str]]:
        """Number and text of the passages whose vector is not known yet."""
        rows = self._database.execute("SELECT number, text FROM passages WHERE vector IS NULL")
        return rows.fetchall()

    def set_vectors(self, vectors: Iterable[tuple[bytes, int]]) -> None:
        """Each vector as bytes, with its passage's number."""
        self._database.executemany("UPDATE passages SET vector = ? WHERE number = ?", vectors)

    def finish(self, fingerprint: str, space: str = "") -> None:
        """Makes the words searchable; `space` is that of the vectors."""
        rows = self._database.execute("SELECT number, file, text FROM passages ORDER BY number")
        self._database.executemany(
            "INSERT INTO search (rowid, toned, folded) VALUES (?, ?, ?)",
            (_to_columns(*row) for row in rows),
        )
        self._database.execute("INSERT INTO search (search) VALUES ('optimize')")
        self._database.execute("CREATE INDEX passage_ids ON passages (id)")
        self._database.execute("CREATE INDEX passage_files ON passages (file)")
        self._database.execute("INSERT INTO about VALUES (?, ?)", (fingerprint, space))
        self._database.commit()


def _to_columns(number: int, file: str, text: str) -> tuple[int, str, str]:
    """A passage's words; those of its heading and of its file's name count once more."""
    words = normalize(text)
    begin = words[: words.find("\n")] if words.startswith("#") else ""
    place = f"{Path(file).stem.replace('_', ' ')}\n{begin}".casefold()
    return number, words, fold(f"{words}\n{place}")


def _batch(items: Iterable[Passage], count: int) -> Iterator[list[Passage]]:
    rest = iter(items)
    while some := list(islice(rest, count)):
        yield some


class FormerIndex:
    """What the index before knows of documents that have not changed since."""

    def __init__(self, target: Path) -> None:
        self._stamps: dict[str, tuple[str, str | None]] = {}
        self._database = None if read_about(target) is None else open_index(target)
        if self._database:
            rows = self._database.execute("SELECT name, stamp, problem FROM documents")
            self._stamps = {name: (stamp, problem) for name, stamp, problem in rows}

    def close(self) -> None:
        if self._database:
            self._database.close()

    def read(self, name: str, stamp: str) -> list[Passage] | None:
        """The document's passages; None where it is new, has changed, or could not be read."""
        if self._database is None or self._stamps.get(name) != (stamp, None):
            return None
        query = "SELECT file, page, text FROM passages WHERE file = ? ORDER BY number"
        return [Passage(*row) for row in self._database.execute(query, [name])]


def read_about(target: Path) -> tuple[str, str] | None:
    """Fingerprint and space of an index; None where there is none that can be read."""
    try:
        with closing(open_index(target)) as database:
            row = database.execute("SELECT fingerprint, space FROM about").fetchone()
    except sqlite3.Error:
        return None
    return (str(row[0]), str(row[1])) if row else None


def read_fingerprint(target: Path) -> str | None:
    """Of what the index was made; None where there is none that can be read."""
    about = read_about(target)
    return about and about[0]


def read_problems(target: Path) -> list[str]:
    """Why documents were left out."""
    with closing(open_index(target)) as database:
        rows = database.execute("SELECT problem FROM documents WHERE problem IS NOT NULL")
        return [problem for (problem,) in rows]


def count_passages(target: Path) -> int:
    with closing(open_index(target)) as database:
        ((count,),) = database.execute("SELECT count(*) FROM passages")
        return int(count)


def read_texts(target: Path, ids: Sequence[str]) -> dict[str, str]:
    """The whole texts of passages by id; those that are gone are left out."""
    marks = ", ".join("?" * len(ids))
    with closing(open_index(target)) as database:
        rows = database.execute(f"SELECT id, text FROM passages WHERE id IN ({marks})", [*ids])  # noqa: S608
        return dict(rows.fetchall())


def open_index(target: Path) -> sqlite3.Connection:
    """The index, to be read only."""
    return sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)

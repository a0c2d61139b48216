"""An index of passages: one SQLite file with FTS5, built whole and then only read."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from nodes.knowledge.folding import find_words, fold, join_neighbours

VERSION = 1
MOST_WORDS = 64
_MOST_MATCHES = 2000
"""So many passages are ranked by single words: the rarest tell most and cost least."""

_SCHEMA = """
CREATE TABLE about (fingerprint TEXT, passages INTEGER);
CREATE TABLE passages (number INTEGER PRIMARY KEY, id TEXT, file TEXT, page INTEGER, text TEXT);
CREATE VIRTUAL TABLE search USING fts5(
  toned, folded, pairs, triples, content='',
  tokenize="unicode61 remove_diacritics 0"
);
CREATE VIRTUAL TABLE words USING fts5vocab('search', 'row');
CREATE INDEX passage_ids ON passages (id);
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; `page` counts from 1, None where the document has none."""

    file: str
    page: int | None
    text: str

    @property
    def id(self) -> str:
        """The same as long as the text is."""
        whole = f"{self.file}\0{self.page}\0{self.text}".encode()
        return blake2b(whole, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found; a higher score is better, and only compares within a search."""

    id: str
    file: str
    page: int | None
    score: float
    text: str


def write_index(target: Path, passages: Iterable[Passage], fingerprint: str) -> int:
    """Writes the index; gives the number of passages. `target` must not be there yet."""
    with closing(sqlite3.connect(target)) as database:
        database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        count = 0
        for count, passage in enumerate(passages, 1):
            row = (count, passage.id, passage.file, passage.page, passage.text)
            database.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?)", row)
            database.execute(
                "INSERT INTO search (rowid, toned, folded, pairs, triples) VALUES (?, ?, ?, ?, ?)",
                (count, *_columns(find_words(passage.text))),
            )
        database.execute("INSERT INTO search (search) VALUES ('optimize')")
        database.execute("INSERT INTO about VALUES (?, ?)", (fingerprint, count))
        database.commit()
    return count


def _columns(words: list[str]) -> tuple[str, str, str, str]:
    folded = [fold(word) for word in words]
    forms = (words, folded, join_neighbours(folded, 2), join_neighbours(folded, 3))
    return tuple(" ".join(form) for form in forms)  # type: ignore[return-value]


def read_fingerprint(target: Path) -> str | None:
    """Of what the index was made; None where there is none that can be read."""
    try:
        with closing(_open(target)) as database:
            row = database.execute("SELECT fingerprint FROM about").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def search(target: Path, text: str, top: int) -> list[Hit]:
    """The passages that have most of the text's neighbours and rare words, best first."""
    words = find_words(text)[-MOST_WORDS:]
    if not words:
        return []
    with closing(_open(target)) as database:
        scores: dict[int, float] = {}
        for match in _to_matches(database, words):
            for number, score in _rank(database, match, 10 * top):
                scores[number] = scores.get(number, 0.0) + score
        best = sorted(scores, key=lambda number: (-scores[number], number))[:top]
        return [_read_hit(database, number, scores[number]) for number in best]


def _rank(database: sqlite3.Connection, match: str, most: int) -> list[tuple[int, float]]:
    return database.execute(
        "SELECT rowid, -rank FROM search WHERE search MATCH ? ORDER BY rank LIMIT ?", (match, most)
    ).fetchall()


def _to_matches(database: sqlite3.Connection, words: list[str]) -> list[str]:
    """What is searched for in each form of the text: neighbours, and the rarest words."""
    toned, folded, pairs, triples = (column.split() for column in _columns(words))
    columns = {
        "pairs": pairs,
        "triples": triples,
        "toned": _keep_rare(database, toned),
        "folded": _keep_rare(database, folded),
    }
    return [_to_match(name, terms) for name, terms in columns.items() if terms]


def _to_match(column: str, terms: list[str]) -> str:
    return f"{column} : ({' OR '.join(f'{chr(34)}{term}{chr(34)}' for term in terms)})"


def _keep_rare(database: sqlite3.Connection, words: list[str]) -> list[str]:
    """The words that stand in the fewest passages, of those that stand in any."""
    marks = ", ".join("?" * len(words))
    rows = database.execute(
        f"SELECT term, doc FROM words WHERE term IN ({marks}) ORDER BY doc",  # noqa: S608
        words,
    )
    kept, cost = list[str](), 0
    for term, passages in rows:
        cost += passages
        if kept and cost > _MOST_MATCHES:
            break
        kept.append(term)
    return kept


def _read_hit(database: sqlite3.Connection, number: int, score: float) -> Hit:
    row = database.execute(
        "SELECT id, file, page, text FROM passages WHERE number = ?", (number,)
    ).fetchone()
    return Hit(row[0], row[1], row[2], score, row[3])


def read_texts(target: Path, ids: Sequence[str]) -> dict[str, str]:
    """The whole texts of passages by id; those that are gone are left out."""
    marks = ", ".join("?" * len(ids))
    with closing(_open(target)) as database:
        rows = database.execute(f"SELECT id, text FROM passages WHERE id IN ({marks})", [*ids])  # noqa: S608
        return dict(rows.fetchall())


def _open(target: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)

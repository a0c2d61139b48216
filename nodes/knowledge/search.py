"""Finds passages: by their words, and by their meaning too where there are vectors."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nodes.knowledge.index import open_index
from nodes.knowledge.words import score_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

_FUSED = 50
"""Passages that each of the two rankings brings to their fusion."""
_FUSION = 60
"""The constant of reciprocal rank fusion, as it was published."""
Ranking = list[tuple[int, float]]
"""Numbers of passages with their scores, best first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found; a higher score is better, and only compares within a search."""

    id: str
    file: str
    page: int | None
    score: float
    text: str


def search(target: Path, text: str, top: int, vector: "Vector | None" = None) -> list[Hit]:
    """The passages that fit the text best, best first.

    With the text's `vector`, of length one, they are fused with those nearest in meaning.
    """
    with closing(open_index(target)) as database:
        if vector is None:
            found = _keep_best(score_words(database, text, 4 * top), top)
        else:
            by_words = _keep_best(score_words(database, text, 2 * _FUSED), _FUSED)
            found = _keep_best(fuse([by_words, _rank_by_meaning(database, vector)]), top)
        return [_read_hit(database, number, score) for number, score in found]


def _keep_best(scores: dict[int, float], most: int) -> Ranking:
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:most]


def fuse(rankings: Sequence[Ranking]) -> dict[int, float]:
    """Reciprocal rank fusion: what counts is the place in each ranking, not the score."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (number, _) in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (_FUSION + rank)
    return scores


def _rank_by_meaning(database: sqlite3.Connection, vector: "Vector") -> Ranking:
    """The nearest passages, with the cosine of the angle."""
    ((fingerprint,),) = database.execute("SELECT fingerprint FROM about")
    ((_, _, path),) = database.execute("PRAGMA database_list")
    numbers, matrix = _load_vectors(path, fingerprint)
    cosines = matrix @ vector
    best = cosines.argsort()[::-1][:_FUSED]
    return [(int(numbers[at]), float(cosines[at])) for at in best]


@lru_cache(maxsize=8)
def _load_vectors(path: str, _fingerprint: str) -> "tuple[list[int], NDArray[np.float32]]":
    """All vectors of an index, a row each: some 60 MB for 10,000 passages of 1,536 numbers."""
    import numpy as np

    with closing(open_index(Path(path))) as database:
        rows = database.execute("SELECT number, vector FROM passages ORDER BY number").fetchall()
    matrix = np.frombuffer(b"".join(vector for _, vector in rows), dtype=np.float32)
    return [number for number, _ in rows], matrix.reshape(len(rows), -1)


def _read_hit(database: sqlite3.Connection, number: int, score: float) -> Hit:
    query = "SELECT id, file, page, text FROM passages WHERE number = ?"
    id, file, page, text = database.execute(query, [number]).fetchone()
    return Hit(id, file, page, score, text)

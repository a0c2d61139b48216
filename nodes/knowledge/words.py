"""What passages score by the words of a text: the rarest ones, and neighbours."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from math import log

from nodes.knowledge.folding import fold, normalize
from nodes.knowledge.index import TOKENIZER

MOST_WORDS = 64
"""The last words of a line are looked up, so many."""
_MOST_MATCHES = 1000
"""So many passages are ranked by single words: the rarest tell most and cost least."""
_SHORT_TEXT = 12
_FEW_PHRASES = 8
_MOST_COMPARED = 20_000
"""Passages in which neighbours are looked for, beyond those few phrases."""
_STOP_WORDS = """
a an and any are as at be been but by can could did do does for from get had has have he her his
how i if in into is it its may me my no not of on or our she should so some that the their them
then there these they this those to us was we were what when where which who whom whose why will
with would you your
ạ à ơi ai anh bao bị các cái cho chị có của đã đang đâu để đến đi đó được em gì hay hết hả hoặc
khi không là làm lúc mà mấy mình này nào nên nếu nhé nhiêu như những ở phải ra rồi sao sẽ ta thế
thì tôi từ và vậy về vì với vào xin cũng còn lại một muốn
"""
_TOKENS = f"""
CREATE VIRTUAL TABLE text USING fts5(words, tokenize="{TOKENIZER}");
CREATE VIRTUAL TABLE tokens USING fts5vocab(text, 'instance');
"""
Counts = Mapping[str, int]
"""In how many passages each word stands, of those that stand in any."""


def score_words(database: sqlite3.Connection, text: str, many: int) -> dict[int, float]:
    """The scores of passages by number, summed over the forms of the text; `many` of each form."""
    whole = normalize(text)
    toned, folded = (words[-MOST_WORDS:] for words in tokenize(whole, fold(whole)))
    stop = _stop_words(has_tones=toned != folded)
    counts = _count(database, {*toned, *folded})
    forms = [
        ("toned", _keep_rare(counts["toned"], stop)),
        ("folded", _keep_rare(counts["folded"], stop)),
    ]
    scores: dict[int, float] = {}
    for column, terms in forms:
        for number, score in _rank(database, column, terms, many):
            scores[number] = scores.get(number, 0.0) + score
    for phrase in _keep_rare_phrases(folded, counts["folded"], stop):
        for number, score in _weigh(database, phrase):
            scores[number] = scores.get(number, 0.0) + score
    return scores


def tokenize(*texts: str) -> list[list[str]]:
    """The terms of each text in their order, as the index has them."""
    words: list[list[str]] = [[] for _ in texts]
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_TOKENS)
        database.executemany("INSERT INTO text VALUES (?)", [[text] for text in texts])
        for term, number in database.execute("SELECT term, doc FROM tokens ORDER BY doc, offset"):
            words[number - 1].append(term)
    return words


@cache
def _stop_words(*, has_tones: bool) -> frozenset[str]:
    """Words that say nothing of what is asked, in English and Vietnamese."""
    toned, folded = tokenize(_STOP_WORDS, fold(_STOP_WORDS))
    return frozenset(toned if has_tones else [*toned, *folded])


def _count(database: sqlite3.Connection, words: set[str]) -> dict[str, dict[str, int]]:
    """The counts of the words in each column."""
    marks = ", ".join("?" * len(words))
    query = f"SELECT col, term, doc FROM words WHERE term IN ({marks})"  # noqa: S608
    counts: dict[str, dict[str, int]] = {"toned": {}, "folded": {}}
    for column, term, passages in database.execute(query, [*words]):
        counts[column][term] = passages
    return counts


def _keep_rare(counts: Counts, stop: frozenset[str]) -> list[str]:
    """The rarest words that say something; of all where none does."""
    words = (counts.keys() - stop) or counts
    kept, cost = list[str](), 0
    for word in sorted(words, key=lambda word: (counts[word], word)):
        cost += counts[word]
        if kept and cost > _MOST_MATCHES:
            break
        kept.append(word)
    return kept


def _keep_rare_phrases(words: Sequence[str], counts: Counts, stop: frozenset[str]) -> list[str]:
    """Two neighbours, in short texts three, of which one is rare and one says something."""
    longest = 3 if len(words) <= _SHORT_TEXT else 2
    near = {
        tuple(words[at : at + length])
        for length in range(2, longest + 1)
        for at in range(len(words) - length + 1)
        if counts.keys() >= set(words[at : at + length])
    }
    telling = {phrase for phrase in near if not stop.issuperset(phrase)} or near
    kept, cost = list[str](), 0
    for phrase in sorted(
        telling, key=lambda phrase: (min(map(counts.__getitem__, phrase)), phrase)
    ):
        cost += sum(map(counts.__getitem__, phrase))
        if len(kept) >= _FEW_PHRASES and cost > _MOST_COMPARED:
            break
        kept.append(" ".join(phrase))
    return kept


def _rank(
    database: sqlite3.Connection, column: str, terms: Sequence[str], many: int
) -> Iterable[tuple[int, float]]:
    if not terms:
        return []
    quoted = " OR ".join(f'"{term}"' for term in terms)
    return database.execute(
        "SELECT rowid, -rank FROM search WHERE search MATCH ? ORDER BY rank LIMIT ?",
        (f"{column} : ({quoted})", many),
    )


def _weigh(database: sqlite3.Connection, phrase: str) -> Iterable[tuple[int, float]]:
    """The passages with a phrase, by how rare it is; SQLite's ranking would look for it twice."""
    query = "SELECT rowid FROM search WHERE search MATCH ? LIMIT ?"
    found = database.execute(query, (f'folded : "{phrase}"', _MOST_MATCHES)).fetchall()
    ((passages,),) = database.execute("SELECT max(number) FROM passages")
    weight = max(log((passages - len(found) + 0.5) / (len(found) + 0.5)), 0.0)
    return ((number, weight) for (number,) in found)

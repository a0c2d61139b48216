"""Knowledge: 10,000 passages indexed, and searched by three to six neighbouring words."""

import time
from contextlib import closing
from pathlib import Path
from random import Random

from nodes.knowledge.folding import fold, normalize
from nodes.knowledge.index import IndexWriter
from nodes.knowledge.passages import Passage
from nodes.knowledge.search import search
from tests.unit.nodes.knowledge.samples import make_passages, take_words

PASSAGES, QUERIES = 10_000, 100


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of `index`, CPU milliseconds of a `search`, a list of each."""
    passages = [Passage("a.md", None, text) for text in make_passages(PASSAGES)]
    figures: dict[str, list[float]] = {"index": [], "search": []}
    for number in range(rounds):
        target = folder / f"knowledge-{number}.db"
        figures["index"].append(_index(target, passages))
        figures["search"].append(_search(target, passages, Random(number)))
    return figures


def _index(target: Path, passages: list[Passage]) -> float:
    began = time.process_time()
    with closing(IndexWriter(target)) as index:
        index.add_document("all", "", passages)
        index.finish("bench")
    return time.process_time() - began


def _search(target: Path, passages: list[Passage], chance: Random) -> float:
    asked = [take_words(one.text, chance) for one in chance.sample(passages, QUERIES)]
    asked = [fold(normalize(text)) if at % 2 else text for at, text in enumerate(asked)]
    began = time.process_time()
    for text in asked:
        if not search(target, text, 5):
            raise AssertionError(f"{text!r} stands in a passage")
    return 1000 * (time.process_time() - began) / QUERIES

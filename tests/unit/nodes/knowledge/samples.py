"""Passages as a language makes them: few syllables often, many seldom."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from random import Random

from nodes.knowledge.index import IndexWriter
from nodes.knowledge.passages import Passage

ONSETS = "b c ch d đ g gi h kh l m n ng nh ph qu r s t th tr v x".split()
RIMES = (
    "a à á ạ ă ắ â ấ ậ an ang anh ao au ay ăn âm ân e è ẹ ê ế ên ênh i ì í in inh o ò ó ọ ô ố ồ "
    "ơ ờ ớ on ong ô ông ơi u ú ụ ư ừ ữ un ung ương ươc uôn yêu iên iêu"
).split()
SYLLABLES = [onset + rime for onset in ONSETS for rime in RIMES]


def make_passages(count: int, seed: int = 7) -> list[str]:
    """`count` passages of 40 to 80 syllables, with a name or a figure here and there."""
    chance = Random(seed)
    words = chance.sample(SYLLABLES, len(SYLLABLES))
    weights = [1 / (rank + 3) for rank in range(len(words))]
    passages = []
    for _ in range(count):
        said = chance.choices(words, weights, k=chance.randint(40, 80))
        said[chance.randrange(len(said))] = str(chance.randint(100, 99_999))
        passages.append(" ".join(said).capitalize() + ".")
    return passages


def take_words(passage: str, chance: Random) -> str:
    """Three to six neighbouring words."""
    words = passage.strip(".").split()
    length = chance.randint(3, 6)
    begin = chance.randrange(len(words) - length)
    return " ".join(words[begin : begin + length])


def make_index(target: Path, passages: Iterable[Passage]) -> Path:
    """An index with the fingerprint `f-1`."""
    with closing(IndexWriter(target)) as index:
        assert index.add_document("all", "", passages) is None
        index.finish("f-1")
    return target

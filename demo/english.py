"""Whether a learner's line holds the English (or the meaning) that was asked for. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import Enum

from core.text import strip_marks
from demo.units import WORDS, Unit, Word

_CONTRACTIONS = {
    "i'd": "i would",
    "i'm": "i am",
    "it's": "it is",
    "what's": "what is",
    "that's": "that is",
}
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_VIETNAMESE = re.compile(r"[\u0300\u0301\u0303\u0309\u0323\u0306\u0302\u031b]|đ")


class Grade(Enum):
    RIGHT = "right"
    CLOSE = "close"
    WRONG = "wrong"


def tokens(text: str) -> list[str]:
    """The words of `text`, casefolded, without punctuation, contractions written out."""
    plain = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    found = (_CONTRACTIONS.get(token, token) for token in _TOKEN.findall(plain))
    return " ".join(found).split()


def is_vietnamese(text: str) -> bool:
    """Whether `text` carries any Vietnamese mark; unmarked text may be either language."""
    return bool(_VIETNAMESE.search(unicodedata.normalize("NFD", text).casefold()))


def missing(expected: Sequence[str], said: Sequence[str]) -> list[str]:
    """The expected words that `said` does not hold in their order, spelling slips forgiven."""
    lost, start = [], 0
    for word in expected:
        at = next((i for i in range(start, len(said)) if _alike(word, said[i])), None)
        if at is None:
            lost.append(word)
        else:
            start = at + 1
    return lost


def judge_word(word: Word, message: str) -> Grade:
    said = tokens(message)
    if word.en in said:
        return Grade.RIGHT
    return Grade.WRONG if missing([word.en], said) else Grade.CLOSE


def judge_sentence(sentence: str, message: str) -> Grade:
    """A slip in a word or a forgotten “please” is close; a word left out is not."""
    expected, said = tokens(sentence), tokens(message)
    lost = missing(expected, said)
    if lost and lost != ["please"]:
        return Grade.WRONG
    return Grade.RIGHT if not lost and set(expected) <= set(said) else Grade.CLOSE


def judge_answer(unit: Unit, message: str) -> Grade:
    """In a scene any ending will do, so long as the sentence is the unit's."""
    frame, said = tokens(unit.frame), tokens(message)
    if missing(frame, said) or not any(word not in {*frame, "please"} for word in said):
        return Grade.WRONG
    return Grade.RIGHT if set(frame) <= set(said) else Grade.CLOSE


def judge_meaning(word: Word, message: str) -> Grade:
    """Takes other Vietnamese for the same, and Vietnamese typed without its marks."""
    said = " ".join(tokens(message)).replace("trái ", "quả ")
    meanings = [word.vi, *word.also]
    if any(_holds(said, meaning) for meaning in meanings):
        return Grade.RIGHT
    if is_vietnamese(message):
        return Grade.WRONG
    bare = any(_holds(said, strip_marks(meaning)) for meaning in meanings)
    return Grade.CLOSE if bare else Grade.WRONG


def other_word(expected: str, message: str) -> Word | None:
    """A word of the lessons that was said in place of the expected one."""
    return next((WORDS[t] for t in tokens(message) if t in WORDS and t != expected), None)


def _holds(said: str, phrase: str) -> bool:
    return f" {phrase} " in f" {said} "


def _alike(expected: str, said: str) -> bool:
    if expected == said:
        return True
    # Short words differ by one letter and mean something else: “tea”, “ten”, “sea”.
    if len(expected) < 4 or said in WORDS or abs(len(expected) - len(said)) > 2:
        return False
    return SequenceMatcher(None, expected, said).ratio() >= 0.8

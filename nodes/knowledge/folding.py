"""Words as they are looked up: with tones, without, and in pairs of neighbours."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\w+")
_JOINT = "ǀ"  # a letter to the tokenizer, and in no text


def find_words(text: str) -> list[str]:
    """The words (in Vietnamese: syllables) of a text, casefolded and composed."""
    return _WORD.findall(unicodedata.normalize("NFC", text.casefold()))


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """The word without tones and other marks; đ is d."""
    marks = unicodedata.normalize("NFD", word)
    return "".join(char for char in marks if not unicodedata.combining(char)).replace("đ", "d")


def join_neighbours(words: list[str], count: int) -> list[str]:
    """Each `count` neighbours as one word: what tells `học sinh` from a page with both words."""
    return [_JOINT.join(words[at : at + count]) for at in range(len(words) - count + 1)]

"""Words as they are looked up: with tones, and without."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def _make_folding() -> dict[int, str | None]:
    """Each letter with marks of Latin, Greek and Cyrillic to the one without."""
    letters = [chr(code) for code in [*range(0x80, 0x530), *range(0x1E00, 0x2000)]]
    bare = {ord(letter): _drop_marks(letter) for letter in letters}
    marks: dict[int, str | None] = dict.fromkeys(range(0x300, 0x370))
    return (
        {code: plain for code, plain in bare.items() if plain != chr(code)} | marks | {0x111: "d"}
    )


def _drop_marks(text: str) -> str:
    marks = unicodedata.normalize("NFD", text)
    return "".join(char for char in marks if not unicodedata.combining(char))


_FOLDING = _make_folding()


def normalize(text: str) -> str:
    """Casefolded and composed, so that the same words are the same code points."""
    return unicodedata.normalize("NFC", text.casefold())


def fold(text: str) -> str:
    """A normalized text without tones and other marks; đ is d."""
    return text.translate(_FOLDING)


def find_words(text: str) -> list[str]:
    """The words (in Vietnamese: syllables) of a text, normalized."""
    return _WORD.findall(normalize(text))

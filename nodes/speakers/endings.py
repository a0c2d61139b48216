"""How a simulated person leaves: the end mark in its lines, and farewells said again and again."""

import re
from collections.abc import Callable

_MARK = re.compile(
    r"\s*[*_`]{0,3}(?:\[\[\s*END\b[\s\d,:]*\]\]|(?-i:\[END\]))[*_`]{0,3}", re.IGNORECASE
)
_MARK_BEGINS = re.compile(
    r"\s*(?:[*_`]{1,3}|[*_`]{0,3}\[(\[?(\s*(E(N(D([\s\d,:]*(\])?)?)?)?)?)?)?)\Z", re.IGNORECASE
)


def strip_end_mark(text: str, token: str = "") -> tuple[str, bool]:
    """The text without end marks, wherever they stand, and whether there was one.

    `token` is what a model that was trained as a user ends with.
    """
    if token and token in text:
        return text.partition(token)[0].rstrip(), True
    stripped, count = _MARK.subn("", text)
    if not count:
        return text, False
    if _MARK.match(text):
        stripped = stripped.lstrip()
    alone = stripped.strip(" .!…\n")
    return (stripped.rstrip() if alone else ""), True


def read_numbers(text: str) -> list[int]:
    """The aims that the end marks name: 1 and 3 of `[[END 1, 3]]`."""
    return [int(found) for mark in _MARK.findall(text) for found in re.findall(r"\d{1,3}", mark)]


class MarkFilter:
    """Passes pieces on up to an end mark, never a part of one or the space before it."""

    def __init__(self, piece: Callable[[str], None]) -> None:
        self._piece = piece
        self._text = ""
        self._passed = 0

    def __call__(self, text: str) -> None:
        self._text += text
        found = _MARK.search(self._text, self._passed)
        begins = found or _MARK_BEGINS.search(self._text, self._passed)
        self._pass(begins.start() if begins else self._end_of_words())

    def _end_of_words(self) -> int:
        """Space at the end is held back, since a mark may follow it."""
        return max(len(self._text.rstrip()), self._passed)

    def finish(self, text: str) -> None:
        """Passes on what of the final text was held back."""
        self._text = text
        self._pass(len(text))

    def _pass(self, upto: int) -> None:
        if upto > self._passed:
            self._piece(self._text[self._passed : upto])
            self._passed = upto

"""What a check looks for in a text: words, or a regular expression that cannot run away.

A bot's text is hostile. The `regex` package runs with a time limit, which `re` does not have, and
knows Unicode's letters and word boundaries, which RE2 does not.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from evaluation.transcripts import Utterance, fold, strip_marks
from evaluation.verdicts import Record

SEARCH_LIMIT_S = 0.1
MAX_PATTERN = 1000


class TooSlow(Exception):
    """A regular expression ran into its time limit."""

    def __init__(self, pattern: str, index: int) -> None:
        self.index = index
        super().__init__(f"the expression {pattern!r} ran for more than {SEARCH_LIMIT_S} s")


def _compilable(pattern: str) -> str:
    import regex  # type: ignore[import-untyped] # slow to import, and only some checks need it

    try:
        _compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return pattern


class Expression(Record):
    """A regular expression, in the syntax of Python's `re`. `(?i)` ignores case."""

    re: Annotated[str, Field(min_length=1, max_length=MAX_PATTERN), AfterValidator(_compilable)]


def _has_letters(text: str) -> str:
    if not fold(text):
        raise ValueError("is empty")
    return text


Words = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_has_letters)]
Text = Words | Expression


@dataclass(frozen=True)
class Matcher:
    """Looks for a text in what somebody said. `ignore_tones` also finds it without its marks."""

    wanted: Text
    ignore_tones: bool = False

    def __str__(self) -> str:
        wanted = self.wanted
        return f"/{wanted.re}/" if isinstance(wanted, Expression) else f"“{wanted}”"

    def find(self, said: Utterance) -> str | None:
        """The words found, as they were said; None where there are none. Raises `TooSlow`."""
        if isinstance(self.wanted, Expression):
            return self._search(said, self.wanted.re)
        text, words = said.folded, _fold(self.wanted)
        if self.ignore_tones:
            text, words = strip_marks(text), strip_marks(words)
        return _as_said(said, words, self.ignore_tones) if words in text else None

    def _search(self, said: Utterance, pattern: str) -> str | None:
        text = strip_marks(said.text) if self.ignore_tones else said.text
        compiled = _compile(strip_marks(pattern) if self.ignore_tones else pattern)
        try:
            found = compiled.search(text, timeout=SEARCH_LIMIT_S)
        except TimeoutError:
            raise TooSlow(pattern, said.place) from None
        return None if found is None else _same_place(said, text, found.span())


def _as_said(said: Utterance, words: str, ignore_tones: bool) -> str:
    """The words in the speaker's own spelling; the whole bubble where that cannot be told."""
    text = strip_marks(said.text) if ignore_tones else said.text
    spaced = r"\s+".join(map(re.escape, words.split(" ")))
    found = _compile(spaced, ignore_case=True).search(text)
    return said.bubbles[0] if found is None else _same_place(said, text, found.span())


def _same_place(said: Utterance, text: str, span: tuple[int, int]) -> str:
    """What stands at the same place in the text with its marks."""
    source = said.text if len(said.text) == len(text) else text
    return source[span[0] : span[1]]


@lru_cache(maxsize=1024)
def _compile(pattern: str, ignore_case: bool = False) -> Any:
    import regex

    return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)


_fold = lru_cache(maxsize=1024)(fold)

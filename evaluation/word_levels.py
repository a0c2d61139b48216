"""How many English words of a person's lines are above the level that its persona declares."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from core.language import detect_language

LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
ABSENT = "not measured: needs the library cefrpy (pip install 'duologue[levels]')"
NO_LEVEL = "not measured: the persona's level names none of A1 to C2"


def measure_level(level: str, texts: Sequence[str]) -> float | str | None:
    """The share of words above the level, of those that the list knows; or why it is not measured.

    None where no line holds an English word. Only lines that are English count, since a
    Vietnamese word may be spelt like an English one.
    """
    found = re.search(r"\b[ABC][12]\b", level)
    if found is None:
        return NO_LEVEL
    analyser = _open_list()
    if analyser is None:
        return ABSENT
    words = [
        word
        for text in texts
        if detect_language(text) == "en"
        for word in re.findall(r"[a-z]{2,}", text.casefold())
    ]
    levels = [float(known) for word in words if (known := _look_up(analyser, word)) is not None]
    if not levels:
        return None
    limit = LEVELS.index(found[0]) + 1
    return round(sum(value >= limit + 0.5 for value in levels) / len(levels), 3)


def _look_up(analyser: Any, word: str) -> float | None:
    """The mean level of a word over its parts of speech, A1 being 1."""
    value: float | None = analyser.get_average_word_level_float(word)
    return value


@cache
def _open_list() -> Any:
    try:
        from cefrpy import CEFRAnalyzer  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return CEFRAnalyzer()

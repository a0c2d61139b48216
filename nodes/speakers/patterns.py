"""An author's regular expressions, looked for in what was said. What a bot says is hostile, so
that text, expression and time have limits.
"""

import logging
import unicodedata
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field

SEARCH_LIMIT_S = 0.1
LONGEST = 4000
"""Letters of a line in which patterns are looked for."""
log = logging.getLogger(__name__)


def _check(pattern: str) -> str:
    import regex  # type: ignore[import-untyped] # slow to import, and few personas need it

    try:
        _compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[
    str,
    Field(min_length=1, max_length=2000, description="A regular expression; case is ignored."),
    AfterValidator(_check),
]


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the beginning of the text, in any case.

    One that runs into its time limit is not found there, and logged.
    """
    return _search(pattern, unicodedata.normalize("NFC", text[:LONGEST]))


@lru_cache(maxsize=1024)
def _search(pattern: str, text: str) -> bool:
    """Kept, since each turn looks at the whole talk."""
    try:
        return _compile(pattern).search(text, timeout=SEARCH_LIMIT_S) is not None
    except TimeoutError:
        log.warning("pattern too slow, taken as not found", extra={"pattern": pattern})
        return False


@lru_cache(maxsize=512)
def _compile(pattern: str) -> Any:
    import regex

    return regex.compile(unicodedata.normalize("NFC", pattern), regex.IGNORECASE)

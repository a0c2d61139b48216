"""What is read from a bot's answers: its texts, values to keep, and whether it succeeded."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import regex  # type: ignore[import-untyped]

from core.errors import BotError
from core.text import clean
from nodes.bots.templates import MISSING, equal_json, find_path

Quote = Callable[[str, int], str]
"""A text of the bot's as it may stand in an error, cut to so many characters."""

_TESTS = {"equals", "in", "not", "matches", "optional"}
_MATCH_S = 0.5
_REASONS = ("msg", "message", "error", "detail")


def check_test(wanted: Any) -> Any:
    """A value, or a test of one. Raises `ValueError`."""
    if not isinstance(wanted, dict):
        return wanted
    unknown = sorted(map(str, wanted.keys() - _TESTS))
    if unknown or not wanted.keys() - {"optional"}:
        raise ValueError(
            f"{unknown[0] if unknown else 'optional alone'} is no test; there are equals, in, not, "
            "matches and, beside one of these, optional"
        )
    if not isinstance(wanted.get("in", []), list):
        raise ValueError("in: needs a list of values")  # noqa: TRY004 - pydantic tells it
    if "matches" in wanted:
        _compile(wanted["matches"])
    return wanted


def _compile(expression: Any) -> "regex.Pattern[str]":
    try:
        return regex.compile(str(expression))
    except regex.error as error:
        raise ValueError(f"matches: is no regular expression: {error}") from None


def passes_test(found: Any, wanted: Any) -> bool:
    """Whether a value, or `MISSING`, is what was asked for: a value or a test of `check_test`."""
    if not isinstance(wanted, dict):
        return found is not MISSING and equal_json(found, wanted)
    if found is MISSING:
        return bool(wanted.get("optional"))
    unwanted = wanted.get("not", [])
    wrong = unwanted if isinstance(unwanted, list) else [unwanted]
    return (
        ("equals" not in wanted or equal_json(found, wanted["equals"]))
        and ("in" not in wanted or _is_one_of(found, wanted["in"]))
        and ("not" not in wanted or not _is_one_of(found, wrong))
        and ("matches" not in wanted or _matches(found, wanted["matches"]))
    )


def _is_one_of(found: Any, values: Iterable[Any]) -> bool:
    return any(equal_json(found, value) for value in values)


def _matches(found: Any, expression: str) -> bool:
    try:
        return _compile(expression).search(str(found), timeout=_MATCH_S) is not None
    except TimeoutError:
        return False


def check_success(
    tests: Mapping[str, Any], data: Any, *, replied: bool, kind: str, address: str, quote: Quote
) -> None:
    """The answer must say what `success` asks for; what it leaves out a reply makes good.

    Raises `BotError` of that kind, with what was found and the bot's own words.
    """
    for path, wanted in tests.items():
        found = find_path(data, path)
        if passes_test(found, wanted) or (found is MISSING and replied):
            continue
        got = "nothing" if found is MISSING else quote(repr(found), 50)
        said = f"{address} answered {path} = {got}, {_describe_test(wanted)}{_reason(data, quote)}"
        raise BotError(kind, said, url=address)


def _describe_test(wanted: Any) -> str:
    if not isinstance(wanted, dict):
        return f"not {wanted!r}"
    words = {"equals": "not {!r}", "in": "none of {!r}", "not": "which is {!r}"}
    words["matches"] = "which does not match {!r}"
    return " or ".join(words[name].format(value) for name, value in wanted.items() if name in words)


def _reason(data: Any, quote: Quote) -> str:
    """The bot's own words about what went wrong."""
    for name in _REASONS:
        said = find_path(data, name)
        if isinstance(said, str) and said:
            return f": {quote(said, 200)}"
    return ""


def find_bubbles(reply: str | list[str], data: Any, *, blank: bool = False) -> list[str] | None:
    """The texts at the first path where something is said; None where no path leads to any.

    With `blank` a text of nothing but space counts: in a stream it parts two words.
    """
    silent = None
    for path in [reply] if isinstance(reply, str) else reply:
        found = find_path(data, path)
        texts = [found] if isinstance(found, str) else found
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            if said := [text for text in texts if text] if blank else drop_blank(texts):
                return [clean(text) for text in said]
            silent = silent or [clean(text) for text in texts]
    return silent


def drop_blank(bubbles: Iterable[str] | None) -> list[str]:
    """The bubbles in which something is said; blank ones are no lines of the conversation."""
    return [bubble for bubble in bubbles or [] if bubble.strip()]


def capture_present(capture: Mapping[str, str], data: Any) -> dict[str, Any]:
    """Those of the values that are there."""
    found = {name: find_path(data, path) for name, path in capture.items()}
    return {name: value for name, value in found.items() if value is not MISSING}


def capture_all(
    capture: Mapping[str, str], data: Any, name: str, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """All values, also those of `header:NAME` and `cookie:NAME`. Raises `BotError`."""
    captured = {}
    for key, path in capture.items():
        found = (headers or {}).get(path.lower(), MISSING) if is_head(path) else MISSING
        found = found if is_head(path) else find_path(data, path)
        if found is MISSING:
            raise BotError("bad_reply", f"{name}'s reply has no {path} to keep as {key}")
        captured[key] = found
    return captured


def is_head(path: str) -> bool:
    """Whether it leads into the head of an answer."""
    return path.startswith(("header:", "cookie:"))

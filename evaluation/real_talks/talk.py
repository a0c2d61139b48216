"""A talk that somebody had with a bot, as a file tells it, and what of a file cannot be read."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from core.scenario import MAX_HISTORY, MAX_TEXT
from core.text import clean

Role = Literal["user", "assistant"]
USERS = (
    "user human customer client learner student caller visitor guest khách khach con em học_viên"
)
BOTS = "assistant bot ai agent model robot gpt chatbot teacher tutor advisor support cô thầy"
ROLES: dict[str, Role] = {
    **dict.fromkeys(USERS.split(), "user"),
    **dict.fromkeys(BOTS.split(), "assistant"),
    "người dùng": "user",
    "học viên": "user",
    "học sinh": "user",
    "khách hàng": "user",
    "trợ lý": "assistant",
    "tư vấn viên": "assistant",
    "nhân viên": "assistant",
}
PASSED_OVER = frozenset(("system", "tool", "function", "developer", "tool_call", "tool_result"))
"""What neither side said."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""How `surrogateescape` keeps bytes that are no text."""
LONGEST_TALK = 20_000_000
"""Characters of one talk in a file."""


class RealLine(NamedTuple):
    role: Role
    text: str


class RealTalk(NamedTuple):
    """`line` is where it begins in the file, from 1."""

    line: int
    lines: list[RealLine]


class Refusal(NamedTuple):
    """Something in the file that is no talk; the reason names no word of what stood there."""

    line: int
    reason: str


Part = RealTalk | Refusal


class Unusable(ValueError):
    """Why something is no talk."""


def read_role(given: Any, roles: Mapping[str, Role]) -> Role | None:
    """Who spoke; None for what is passed over. Raises `Unusable`."""
    if not isinstance(given, str):
        raise Unusable("the role is no text")
    name = given.strip().casefold()
    if name in roles:
        return roles[name]
    if name in PASSED_OVER:
        return None
    raise Unusable("the role is unknown; --role NAME=user or NAME=bot tells whose it is")


def read_text(given: Any) -> str:
    """What was said; OpenAI's lists of parts are joined. Raises `Unusable`."""
    if isinstance(given, list):
        parts = [part.get("text") for part in given if isinstance(part, dict)]
        given = "\n".join(part for part in parts if isinstance(part, str)) or None
    if not isinstance(given, str):
        raise Unusable("the content is no text")
    if _NOT_UTF8.search(given):
        raise Unusable("a line is not UTF-8")
    if len(given) > MAX_TEXT:
        raise Unusable(f"a line has more than {MAX_TEXT:,} characters")
    return clean(given)


def make_talk(at: int, lines: Iterable[RealLine]) -> RealTalk:
    """Raises `Unusable` where it is not one that two had."""
    kept = [line for line in lines if line.text.strip()]
    if not kept:
        raise Unusable("nothing was said")
    if len(kept) > MAX_HISTORY:
        raise Unusable(f"has more than {MAX_HISTORY:,} lines")
    missing = {"user", "assistant"} - {line.role for line in kept}
    if missing:
        raise Unusable(f"the {'user' if 'user' in missing else 'bot'} says nothing")
    return RealTalk(at, kept)

"""A command line taken apart as shells do, also `$'…'` of bash; nothing is run or looked up."""

import re

from core.errors import Invalid

_NAME = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_ENDS = frozenset(("|", ";", ">", "<"))
_ANSI = re.compile(
    r"\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


def split_command(text: str) -> list[str]:
    """The words up to the first pipe, redirection or next command. Raises `Invalid`.

    Variables stay, as `${NAME}`: bots.yaml writes them alike.
    """
    text = re.sub(r"\\\r?\n", " ", text.strip()).removeprefix("$ ")
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace() or char in _ENDS or text.startswith("&&", at):
            words += [] if word is None else [word]
            word = None
            if not char.isspace() and (char != "\n" and words):
                return words
            at += 1
            continue
        part, at = _read_part(text, at)
        word = (word or "") + part
    return words if word is None else [*words, word]


def _read_part(text: str, at: int) -> tuple[str, int]:
    """What stands at that place, unquoted, and where it ends."""
    if text.startswith("$'", at):
        end = _find_end(text, at + 2, "'", escapes=True)
        return _ANSI.sub(_unescape, text[at + 2 : end]), end + 1
    if text[at] == "'":
        end = _find_end(text, at + 1, "'", escapes=False)
        return text[at + 1 : end], end + 1
    if text[at] == '"':
        end = _find_end(text, at + 1, '"', escapes=True)
        return _read_double(text[at + 1 : end]), end + 1
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    if found := _NAME.match(text, at):
        return f"${{{found[1] or found[2]}}}", found.end()
    return text[at], at + 1


def _find_end(text: str, at: int, quote: str, *, escapes: bool) -> int:
    while at < len(text):
        if text[at] == quote:
            return at
        at += 2 if escapes and text[at] == "\\" else 1
    raise Invalid(f"the curl command cannot be read: a quote {quote} is not closed")


def _read_double(text: str) -> str:
    """Inside double quotes: variables, and the four characters that a backslash protects."""
    parts = re.split(r"(\\[\\\"$`])", text)
    return "".join(
        part[1] if at % 2 else _NAME.sub(lambda found: f"${{{found[1] or found[2]}}}", part)
        for at, part in enumerate(parts)
    )


def _unescape(found: re.Match[str]) -> str:
    for digits, base in ((found[1], 16), (found[2], 16), (found[3], 16), (found[4], 8)):
        if digits is not None:
            return chr(int(digits, base))
    return _SHORT.get(found[5], found[5])

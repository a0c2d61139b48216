"""Text as speakers send it: kept code point for code point, cleaned once at the border."""

import json
import re
import unicodedata
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ZWJ = "\u200d"
LONGEST_CLUSTER = 128


def clean(text: str) -> str:
    """The text with NUL and lone surrogates as U+FFFD; nothing else changes, no normalising."""
    return _UNSTORABLE.sub("\ufffd", text) if _UNSTORABLE.search(text) else text


def clean_deep(value: Any) -> Any:
    """JSON data with every string, keys included, passed through `clean`.

    A whole number of more than 64 bits becomes a text of its digits.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_deep(item) for item in value]
    if isinstance(value, dict):
        return {clean_deep(key): clean_deep(item) for key, item in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)  # no store takes it as a number
    return value


def strip_marks(text: str) -> str:
    """Vietnamese as typed without marks: “nước ép” → “nuoc ep”."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


# What would move a terminal's cursor, dress it, or turn the order of letters around.
_SYMBOLS: dict[int, int | str] = {code: 0x2400 + code for code in range(32) if code not in (9, 10)}
_SYMBOLS |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_UNSEEN = (
    *(0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)),
    # What takes no room, so that a text may hold more than anybody sees. Joiners (U+200C, U+200D)
    # and the selectors up to U+FE0F make letters and emoji and stay.
    *(0xAD, 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x200B),
    *(*range(0x2060, 0x2066), *range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0),
    *(*range(0xFFF0, 0xFFFC), *range(0xE0000, 0xE1000)),
)
_SYMBOLS |= {code: f"⟨U+{code:04X}⟩" for code in _UNSEEN}
_REGIONS = ("gbeng", "gbsct", "gbwls")
_FLAG = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in _REGIONS
)
"""The flags that are written with tag characters, which are invisible anywhere else."""
_FLAGS = re.compile(f"({_FLAG})")
_UNSAFE_IN_JSON = re.compile(f"({_FLAG})|[\x7f-\x9f{''.join(map(chr, _UNSEEN))}]")


def show_controls(text: str) -> str:
    """The text for a terminal: control, bidi and invisible characters as symbols; tabs and lines
    stay.
    """
    parts = _FLAGS.split(text.replace("\r\n", "\n"))
    return "".join(part if at % 2 else part.translate(_SYMBOLS) for at, part in enumerate(parts))


def show_message(text: str) -> str:
    """`show_controls`, with each line but the first set in: none looks like a speaker's line."""
    return show_controls(text).replace("\n", "\n  ")


def show_in_one_line(text: str) -> str:
    """`show_controls` without line breaks."""
    return show_controls(" ".join(text.split()))


def escape_json_for_terminal(text: str) -> str:
    """The same JSON, with what JSON leaves of such characters written as escapes."""
    return _UNSAFE_IN_JSON.sub(_escape_unless_flag, text)


def _escape_unless_flag(found: re.Match[str]) -> str:
    return found[0] if found[1] else json.dumps(found[0])[1:-1]


def cut(text: str) -> int:
    """Where `text` can be parted so that whatever follows cannot change what stands before.

    The last cluster (a base and all that combines with it) may still grow, so it is held back;
    not without end, since a model that has lost its mind repeats one mark for ever.
    """
    last = len(text) - 1
    for at in range(last, max(last - LONGEST_CLUSTER, 0), -1):
        if _begins_cluster(text, at):
            return at
    return 0 if last < LONGEST_CLUSTER else len(text)


def _begins_cluster(text: str, at: int) -> bool:
    char, before = text[at], text[at - 1]
    if char < "\u0300":
        return not (char == "\n" and before == "\r")
    return not (_extends(char) or before == _ZWJ or _pairs(text, at) or _is_jamo(char))


def _extends(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or char in (_ZWJ, "\u200c")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _pairs(text: str, at: int) -> bool:
    """A flag is two regional indicators, counted from where their run begins."""
    first = at
    while first >= 0 and _is_indicator(text[first]):
        first -= 1
    return (at - first) % 2 == 0 and first < at


def _is_indicator(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_jamo(char: str) -> bool:
    return "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7fb"

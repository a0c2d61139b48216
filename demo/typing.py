"""How a scripted person types: chat words and slips of the fingers. Pure."""

import re

_CHAT = {
    "không": "ko", "gì": "j", "biết": "bít", "rồi": "r", "được": "dc", "vậy": "v", "với": "vs",
    "quá": "qá", "muốn": "mún", "bây giờ": "bh", "bạn": "b", "cũng": "cx", "nhiều": "nh",
    "you": "u", "are": "r", "please": "pls", "because": "cuz", "thanks": "thx", "okay": "k",
}  # fmt: skip
_CHATTED = re.compile(rf"\b(?:{'|'.join(_CHAT)})\b", re.IGNORECASE)
_QUOTED_OR_WORD = re.compile(r"[^\W\d_]{4,}")


def write_as_chat(line: str) -> str:
    """“không biết gì” → “ko bít j”."""
    return _CHATTED.sub(lambda found: _CHAT[found[0].casefold()], line)


def mistype(line: str, roll: int) -> str:
    """Two letters inside one of the longer words swapped; `roll` says which."""
    words = list(_QUOTED_OR_WORD.finditer(line))
    if not words:
        return line
    word = words[roll % len(words)]
    at = word.start() + 1 + roll % (len(word[0]) - 2)
    return line[:at] + line[at + 1] + line[at] + line[at + 2 :]

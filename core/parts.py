"""What a bot's message holds besides its text: buttons, quick replies, pictures, files, cards."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic makes no schema of typing's before 3.12

PartKind = Literal[
    "button", "quick_reply", "link", "image", "audio", "video", "file", "card", "custom", "typing"
]
CHOICES: frozenset[PartKind] = frozenset(("button", "quick_reply"))
_NAMES = {"quick_reply": "quick reply"}
_EDGES = re.compile(r"^\W+|\W+$")


class Part(TypedDict, total=False):
    """A button, a picture, … of a message; `kind` is always there.

    `title` is what a person reads, `text` more of a card, `url` where a picture, file or link is.
    `value` is what the bot gets in place of the title where a button is chosen, any JSON.
    """

    kind: PartKind
    title: str
    text: str
    url: str
    value: object


def describe_part(part: Part) -> str:
    """The part in one line, as `[button: Size M]`."""
    known = [part.get(name) for name in ("title", "text", "url")]
    said = " – ".join(str(text) for text in known if text)
    if not said and "value" in part:
        said = str(part["value"])
    name = _NAMES.get(part["kind"], part["kind"])
    return f"[{name}: {said}]" if said else f"[{name}]"


def read_out(line: Mapping[str, Any]) -> str:
    """A message, or the event of one, as text: what was said, then a line for each of its parts."""
    said = str(line["text"] if "text" in line else line["content"])
    shown = [describe_part(part) for part in line.get("parts", ())]
    return "\n".join([*([said] if said or not shown else []), *shown])


def find_choices(messages: Sequence[Mapping[str, Any]], before: int) -> list[Part]:
    """What can be chosen in the bot's reply that ends before the message at that index."""
    offered: list[Part] = []
    while before and messages[before - 1]["role"] == "assistant":
        before -= 1
        parts = messages[before].get("parts", ())
        offered = [part for part in parts if part["kind"] in CHOICES] + offered
    return offered


def find_choice(messages: Sequence[Mapping[str, Any]], text: str, before: int) -> Part | None:
    """The button of that reply whose title the text is: letter for letter, else but for case,
    marks and spaces at its ends, where that fits one title alone."""
    offered = find_choices(messages, before)
    for part in offered:
        if part.get("title") == text.strip():
            return part
    wanted = _fold(text)
    near = [part for part in offered if wanted and _fold(part.get("title", "")) == wanted]
    return near[0] if len({part.get("title") for part in near}) == 1 else None


def _fold(text: str) -> str:
    return _EDGES.sub("", unicodedata.normalize("NFC", text)).casefold()

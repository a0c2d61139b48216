"""When a simulated person goes, and what it has reached: decided from the talk where it can be."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from core.message import Message, Role
from core.scenario import Scenario
from nodes.speakers.patterns import LONGEST, matches
from nodes.speakers.personas import BotSays, Persona

Reason = Literal["gives_up", "satisfied", "wraps_up"]
_FAILED = re.compile(
    r"\b(?:chưa|không|ko) (?:hiểu|nghe (?:rõ|được)|chính xác|đúng)|\bchưa phải\b"
    r"|\b(?:nói|nhắc|thử|đọc) lại\b|\bsai rồi\b"
    r"|\b(?:try|say (?:it|that)) (?:it )?again\b|\bnot quite\b|\b(?:incorrect|not right)\b"
    r"|\b(?:didn['’]t|don['’]t|cannot|can['’]t) (?:understand|catch|get (?:it|that)|find)\b"
    r"|\b(?:something|that) went wrong\b",
    re.IGNORECASE,
)


def find_reason_to_leave(
    persona: Persona, messages: Sequence[Message], scenario: Scenario, turn: int
) -> Reason | None:
    """Why the person leaves with the line of this turn; None where it stays."""
    if turn < scenario.min_turns:
        return None
    if persona.gives_up_after and count_failures(messages) >= persona.gives_up_after:
        return "gives_up"
    if is_satisfied(persona, messages):
        return "satisfied"
    soft = scenario.soft_turns
    return "wraps_up" if soft is not None and turn >= soft else None


def count_failures(messages: Sequence[Message]) -> int:
    """How often in a row, up to now, the bot failed at what was asked or asked the same again."""
    lines = _list_bot_lines(messages[-40:])
    count = 0
    for at in range(len(lines) - 1, -1, -1):
        same = at > 0 and _are_alike(lines[at - 1], lines[at])
        if not (_FAILED.search(lines[at]) or same):
            break
        count += 1
    return count


def _list_bot_lines(messages: Sequence[Message]) -> list[str]:
    """What the bot said each time; bubbles in a row are one line."""
    turns = groupby(messages, key=lambda line: line["role"])
    return [
        unicodedata.normalize("NFC", "\n".join(line["content"] for line in said)[:LONGEST])
        for role, said in turns
        if role == "assistant"
    ]


def _are_alike(one: str, other: str) -> bool:
    some, others = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return bool(some) and len(some & others) >= 0.8 * len(some | others)


def is_satisfied(persona: Persona, messages: Sequence[Message]) -> bool:
    wish = persona.satisfied_when
    if wish == "all aims":
        return bool(persona.aims) and len(set(list_reached(messages))) == len(persona.aims)
    return isinstance(wish, BotSays) and any(
        _match(wish.bot_says, line["content"]) for line in messages if line["role"] == "assistant"
    )


def list_reached(messages: Sequence[Message]) -> Iterator[str]:
    return (aim for line in messages for aim in line.get("aims", ()))


def find_reached(
    snapshot: Mapping[str, Any], messages: Sequence[Message], role: Role, text: str
) -> list[str]:
    """The aims of the persona that this line reaches for the first time."""
    aims = snapshot.get("aims")
    if not aims:
        return []
    key, before = ("user_says" if role == "user" else "bot_says"), set(list_reached(messages))
    return [
        aim["aim"] for aim in aims if aim["aim"] not in before and _match(aim.get(key) or (), text)
    ]


def name_aims(persona: Persona, numbers: Sequence[int]) -> list[str]:
    """The aims that a model named by number; what it made up is passed over."""
    return [
        persona.aims[at - 1].aim for at in dict.fromkeys(numbers) if 0 < at <= len(persona.aims)
    ]


def _match(patterns: Sequence[str], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)

"""What the judge is asked: the rules, one requirement, and the transcript as fenced data."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from core.message import Message
from core.parts import read_out
from evaluation.criteria import Criterion
from evaluation.fingerprints import digest

RULES = Path(__file__).with_name("judge.md").read_text(encoding="utf-8").strip()
STATUS = (
    "`status`: `pass` where the requirement is met, `fail` where it is not, `inconclusive` where "
    "the situation never arose. `pass` needs at least one quote."
)
SCORE = (
    "`score`: a whole number from {low} (not at all) to {high} (fully), or null where the "
    "situation never arose. A score needs at least one quote, unless it is the lowest."
)
AGAIN = (
    "Your answer cannot be used: {why}. Answer once more. Copy each quote letter by letter from "
    "the message that you number; if you cannot, let the verdict follow from what is there."
)
_ANSWER = "{{answer}}"
_PLACES = {
    "first": "Judge the bot's first message only.",
    "last": "Judge the bot's last message only.",
    "any": "It is enough that one of the bot's messages meets it.",
    "every": "Each of the bot's messages must meet it.",
}

PROMPT_HASH = digest([RULES, STATUS, SCORE, AGAIN, _PLACES])
"""Changes with any word that the judge is told besides the criterion and the transcript."""


def build_prompt(criterion: Criterion, messages: Sequence[Message]) -> list[dict[str, str]]:
    """The messages that ask one question about one transcript."""
    task = f"Question: {criterion.ask}\n{_place(criterion)}\n{fence(messages)}"
    return [
        {"role": "system", "content": RULES.replace(_ANSWER, _answer(criterion))},
        {"role": "user", "content": task},
    ]


def _answer(criterion: Criterion) -> str:
    if criterion.scale is None:
        return STATUS
    low, high = criterion.scale
    return SCORE.format(low=low, high=high)


def _place(criterion: Criterion) -> str:
    if criterion.turn is not None:
        return f"Judge what the bot says in turn {criterion.turn} only.\n"
    return f"{_PLACES[criterion.where]}\n" if criterion.where else ""


def fence(messages: Sequence[Message]) -> str:
    """The transcript between two marks whose code nobody in it could know.

    Each line of a message has its number in front, so that none can look like another message.
    """
    body = "\n".join(_number_line(index, message) for index, message in enumerate(messages))
    code = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:16]
    return f"BEGIN TRANSCRIPT {code}\n{body}\nEND TRANSCRIPT {code}"


def _number_line(index: int, message: Message) -> str:
    speaker = "bot" if message["role"] == "assistant" else "user"
    given = ", given" if message.get("origin") == "given" else ""
    head = f"[{index}] {speaker}, turn {message.get('turn', 0)}{given}"
    lines = read_out(message).splitlines() or [""]
    return "\n".join([head, *(f"{index}| {line}" for line in lines)])

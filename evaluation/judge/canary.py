"""Two transcripts that no honest judge passes: the bot's lines gone, and a flaw planted.

A judge that never sees the bot, or answers "pass" whatever it sees, is found before its verdicts
are believed.
"""

from dataclasses import dataclass

from core.message import Message, Role
from evaluation.criteria import Criterion
from evaluation.transcripts import Transcript
from evaluation.verdicts import Record, Spending, Vote

_ASK = (
    "The customer asks when the shop opens and whether a return is free. Does the bot answer both "
    "questions politely and without contradicting itself?"
)


class CanaryResult(Record):
    """Whether the judge failed what it had to fail; `reason` says what it did instead."""

    passed: bool
    reason: str = ""
    spending: Spending = Spending()


@dataclass(frozen=True)
class Case:
    """A transcript that must be failed."""

    name: str
    criterion: Criterion
    transcript: Transcript

    def complain(self, model: str, vote: Vote) -> str:
        if vote.status == "error":
            return f"canary: {vote.reason}"
        did = "passed" if vote.status == "pass" else "could not judge"
        return f"canary: the judge {model} {did} a transcript {self.name}, so it is not believed"


def _transcript(*lines: tuple[Role, str]) -> Transcript:
    messages: list[Message] = [
        {
            "id": str(index),
            "type": "human" if role == "user" else "ai",
            "role": role,
            "name": "user" if role == "user" else "bot",
            "content": text,
            "turn": index // 2 + 1,
            "timestamp": "2026-01-01T00:00:00.000Z",
            "origin": "simulated" if role == "user" else "bot",
        }
        for index, (role, text) in enumerate(lines)
    ]
    return Transcript(messages=messages, end_reason="user_done")


_OPENS = "Hi, when do you open tomorrow?"
_RETURN = "And is it free to send something back?"

CASES = (
    Case(
        "whose bot lines were removed",
        Criterion(id="canary-silent", ask=_ASK),
        _transcript(("user", _OPENS), ("user", _RETURN)),
    ),
    Case(
        "with a planted flaw",
        Criterion(id="canary-flaw", ask=_ASK),
        _transcript(
            ("user", _OPENS),
            ("assistant", "We open at nine. What a stupid question, can't you read the sign?"),
            ("user", _RETURN),
            ("assistant", "Shut up and stop bothering me. We never open on that day anyway."),
        ),
    ),
)

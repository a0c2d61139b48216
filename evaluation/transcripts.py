"""A stored conversation as checks and judge see it, and how its text is compared."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from core.message import Message, Role
from core.parts import Part, describe_part
from evaluation.verdicts import Evidence

LONGEST_QUOTE = 300


@dataclass(frozen=True)
class Transcript:
    """A conversation that has ended, or as far as it has come.

    `session` is what the bot's answers captured. The turns up to `replayed_turns` were told again
    to a fork's fresh bot, so that their latency is another conversation's. Messages that came with
    the conversation have the origin `given`.
    """

    messages: Sequence[Message]
    session: Mapping[str, Any] = field(default_factory=dict)
    end_reason: str | None = None
    replayed_turns: int = 0

    @cached_property
    def utterances(self) -> list["Utterance"]:
        """What was said in this conversation, given history left out."""
        return [one for one in self.all_utterances if not one.is_given]

    @cached_property
    def all_utterances(self) -> list["Utterance"]:
        """What was said, given history included."""
        return _join_bubbles(self.messages)

    @cached_property
    def turns(self) -> int:
        """How many turns the bot answered; a greeting is none."""
        return len({one.turn for one in self.utterances if one.role == "assistant" and one.turn})


class Utterance(NamedTuple):
    """What one side said in one turn: one bubble or several.

    `place` is the first bubble's index in the transcript. `text` are the bubbles in NFC, joined by
    line breaks; `folded` is the same as `fold` leaves it. `parts` is what each bubble
    holds besides.
    """

    role: Role
    turn: int
    place: int
    bubbles: tuple[str, ...]
    text: str
    folded: str
    is_given: bool = False
    latency_ms: float | None = None
    parts: tuple[tuple[Part, ...], ...] = ()

    def evidence(self, quote: str | None = None) -> Evidence:
        """This utterance, or the bubble of it that has the quote."""
        if quote is None:
            shown = self.bubbles[0] or "".join(map(describe_part, self.parts[0][:1]))
            return Evidence(message=self.place, quote=shown[:LONGEST_QUOTE])
        wanted = fold(quote)
        nth = next((n for n, text in enumerate(self.bubbles) if wanted in fold(text)), 0)
        return Evidence(message=self.place + nth, quote=quote[:LONGEST_QUOTE])


def _join_bubbles(messages: Iterable[Message]) -> list[Utterance]:
    groups: list[list[tuple[int, Message]]] = []
    for index, message in enumerate(messages):
        last = groups[-1][-1][1] if groups else None
        if last is not None and _is_same_utterance(last, message):
            groups[-1].append((index, message))
        else:
            groups.append([(index, message)])
    return [_utterance(group) for group in groups]


def _is_same_utterance(last: Message, message: Message) -> bool:
    same = last["role"] == message["role"] and last.get("turn", 0) == message.get("turn", 0)
    return same and (last.get("origin") == "given") == (message.get("origin") == "given")


def _utterance(group: list[tuple[int, Message]]) -> Utterance:
    index, first = group[0]
    bubbles = tuple([message["content"] for _, message in group])
    text = unicodedata.normalize("NFC", "\n".join(bubbles))
    return Utterance(
        role=first["role"],
        turn=first.get("turn", 0),
        place=index,
        bubbles=bubbles,
        text=text,
        folded=_fold_composed(text),
        is_given=first.get("origin") == "given",
        latency_ms=first.get("latency_ms"),
        parts=tuple([tuple(line.get("parts", ())) for _, line in group]),
    )


def fold(text: str) -> str:
    """The text in NFC, case-folded, each run of white space as one blank."""
    return _fold_composed(unicodedata.normalize("NFC", text))


def _fold_composed(text: str) -> str:
    """`fold` of a text in NFC."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def fold_quote(text: str) -> str:
    """As `fold`, but upper and lower case stay apart: what a quote must be found in."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def strip_marks(text: str) -> str:
    """The text without the marks on its letters: “nước ép” → “nuoc ep”."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")

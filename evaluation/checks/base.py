"""What all checks share: their modifiers, which replies they look at, and what they find."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.message import Role
from core.scenario import MAX_TURNS
from evaluation.patterns import Matcher, Text
from evaluation.transcripts import Transcript, Utterance
from evaluation.verdicts import Evidence, Record, Status

Speaker = Literal["bot", "user"]
Where = Literal["first", "last", "any", "every"]
Id = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.:-]+$")]
Turn = Annotated[int, Field(ge=0, le=MAX_TURNS, description="As max_turns counts; 0: greeting.")]

ROLES: dict[Speaker, Role] = {"bot": "assistant", "user": "user"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    status: Status
    reason: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    score: float | None = None


def passes(reason: str, *evidence: Evidence, score: float | None = None) -> Finding:
    return Finding(status="pass", reason=reason, evidence=list(evidence), score=score)


def fails(reason: str, *evidence: Evidence, score: float | None = None) -> Finding:
    return Finding(status="fail", reason=reason, evidence=list(evidence), score=score)


def cannot_tell(reason: str) -> Finding:
    return Finding(status="inconclusive", reason=reason)


class Range(Record):
    """Bounds, both included; at least one of them."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self

    def __contains__(self, value: float) -> bool:
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{name} {value:g}" for name, value in bounds if value is not None)


class Check(Record):
    """A fact that code can tell. The key named like `kind` says which."""

    kind: ClassVar[str]

    id: Id | None = Field(None, description="Names it in reports; else its kind does.")
    must: bool = Field(True, description="false: it is reported and decides nothing.")
    include_history: bool = Field(False, description="Looks at given history too.")

    @abstractmethod
    def examine(self, transcript: Transcript) -> Finding:
        """Whether the transcript is as the check wants it. Raises `TooSlow`."""

    def describe(self) -> str:
        """What it asks for, in one line, as the file says it."""
        value = self.model_dump(include={self.kind}, exclude_none=True)[self.kind]
        return f"{self.kind}: {_plain(value)}"

    def select_lines(
        self, transcript: Transcript, speaker: Speaker | None = None
    ) -> list[Utterance]:
        """What was said, by one side or by both."""
        said = transcript.all_utterances if self.include_history else transcript.utterances
        return [one for one in said if speaker is None or one.role == ROLES[speaker]]


class PlacedCheck(Check):
    """A check that can look at some of the replies only."""

    where: Where | None = Field(None, description="Which of the speaker's lines it is about.")
    turn: Turn | None = Field(None, description="The line of this turn alone.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.where is not None and self.turn is not None:
            raise ValueError("give where or turn, not both")
        return self

    def place(self, said: Sequence[Utterance]) -> list[Utterance]:
        """Those of the lines that the check is about."""
        if self.turn is not None:
            return [one for one in said if one.turn == self.turn]
        if self.where in ("first", "last"):
            return list(said[:1] if self.where == "first" else said[-1:])
        return list(said)

    @property
    def place_name(self) -> str:
        if self.turn is not None:
            return f" in turn {self.turn}"
        return f" in the {self.where} line" if self.where in ("first", "last") else ""


class TonedCheck(Check):
    """A check that compares texts."""

    tones: Literal["exact", "ignore"] = Field(
        "exact", description="ignore: “nuoc ep” is found where “nước ép” is wanted."
    )

    def matcher(self, wanted: Text) -> Matcher:
        return Matcher(wanted, ignore_tones=self.tones == "ignore")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)

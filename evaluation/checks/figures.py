"""Checks of what can be counted: `ended`, `turns`, `latency_s`, `words_a_reply`, `session`."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from core.ends import EndReason
from evaluation.checks.base import (
    Check,
    Finding,
    PlacedCheck,
    Range,
    cannot_tell,
    fails,
    passes,
)
from evaluation.transcripts import Transcript, Utterance, fold
from evaluation.verdicts import Record

_SIGNS = re.compile(r" [^\w ]*(?= )")
"""What stands between blanks without a letter or a digit, nothing included."""


class Ended(Check):
    """The conversation ended for one of these reasons."""

    kind: ClassVar[str] = "ended"
    ended: EndReason | Annotated[list[EndReason], Field(min_length=1)]

    def examine(self, transcript: Transcript) -> Finding:
        wanted = self.ended if isinstance(self.ended, list) else [self.ended]
        reason = transcript.end_reason
        if reason is None:
            return cannot_tell("the conversation has not ended")
        if reason in wanted:
            return passes(f"it ended with {reason}")
        return fails(f"it ended with {reason}, not with {' or '.join(wanted)}", *_last(transcript))

    def describe(self) -> str:
        wanted = self.ended if isinstance(self.ended, list) else [self.ended]
        return f"ended: {', '.join(wanted)}"


class Turns(Check):
    """The bot answered so many times; a greeting is no turn."""

    kind: ClassVar[str] = "turns"
    turns: Range

    def examine(self, transcript: Transcript) -> Finding:
        count = transcript.turns
        if not any(one.role == "assistant" for one in transcript.utterances):
            return cannot_tell("the bot said nothing")
        found = passes if count in self.turns else fails
        return found(f"{count} turns; wanted {self.turns}", *_last(transcript), score=count)


class Seconds(Record):
    """The most seconds that the bot's replies may take, by statistic."""

    p50: Annotated[float, Field(gt=0)] | None = None
    p95: Annotated[float, Field(gt=0)] | None = None
    mean: Annotated[float, Field(gt=0)] | None = None
    max: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.limits:
            raise ValueError("needs p50, p95, mean or max")
        return self

    @property
    def limits(self) -> dict[str, float]:
        limits: dict[str, float] = self.model_dump(exclude_none=True)
        return limits


class LatencyS(PlacedCheck):
    """How long the bot took to its first bubble; replayed turns are left out."""

    kind: ClassVar[str] = "latency_s"
    latency_s: Seconds

    def examine(self, transcript: Transcript) -> Finding:
        lines = [
            one
            for one in self.place(self.select_lines(transcript, "bot"))
            if one.latency_ms is not None and not 0 < one.turn <= transcript.replayed_turns
        ]
        if not lines:
            return cannot_tell(f"no reply was timed{self.place_name}")
        times = sorted((one.latency_ms or 0.0) / 1000 for one in lines)
        slowest = max(lines, key=lambda one: one.latency_ms or 0.0)
        found = {name: _statistic(name, times) for name in self.latency_s.limits}
        over = [name for name, limit in self.latency_s.limits.items() if found[name] > limit]
        told = ", ".join(f"{name} {value:.3g} s" for name, value in found.items())
        if over:
            limit = self.latency_s.limits[over[0]]
            return fails(f"{told}; wanted {over[0]} at most {limit:g} s", slowest.evidence())
        return passes(f"{told} over {len(times)} replies")


def _statistic(name: str, times: Sequence[float]) -> float:
    """`times` in ascending order; a percentile is the nearest rank."""
    if name in ("mean", "max"):
        return sum(times) / len(times) if name == "mean" else times[-1]
    return times[math.ceil(int(name[1:]) / 100 * len(times)) - 1]


class WordsAReply(PlacedCheck):
    """How many words each reply of the bot has."""

    kind: ClassVar[str] = "words_a_reply"
    words_a_reply: Range

    def examine(self, transcript: Transcript) -> Finding:
        lines = self.place(self.select_lines(transcript, "bot"))
        if not lines:
            return cannot_tell(f"the bot said nothing{self.place_name}")
        wanted = self.words_a_reply
        counts = [_count_words(line.folded) for line in lines]
        odd = [n for n, count in enumerate(counts) if count not in wanted]
        if self.where == "any" and len(odd) < len(lines):
            return passes(f"a reply has {wanted} words")
        if odd:
            line, count = lines[odd[0]], counts[odd[0]]
            reason = f"{count} words in turn {line.turn}; wanted {wanted}"
            return fails(reason, line.evidence(), score=count)
        return passes(f"{min(counts)} to {max(counts)} words a reply", score=max(counts))


def _count_words(folded: str) -> int:
    """What stands between blanks and has a letter or a digit."""
    return folded.count(" ") + 1 - len(_SIGNS.findall(f" {folded} "))


class Captured(Record):
    """A value that the bot's answers gave: `path` leads to it, as `score` or `order.id`."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    equals: Any = None
    at_least: float | None = None
    at_most: float | None = None
    contains: str | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if not self.conditions:
            raise ValueError("needs equals, at_least, at_most or contains")
        return self

    @property
    def conditions(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in ("at_least", "at_most", "contains")}
        given = {name: value for name, value in named.items() if value is not None}
        return given | ({"equals": self.equals} if "equals" in self.model_fields_set else {})


class Session(Check):
    """What the bot's own answers captured is as wanted."""

    kind: ClassVar[str] = "session"
    session: Captured

    def examine(self, transcript: Transcript) -> Finding:
        path = self.session.path
        there, value = _look_up(transcript.session, path)
        if not there:
            return cannot_tell(f"the session has no {path}")
        for name, wanted in self.session.conditions.items():
            if not _holds(name, value, wanted):
                return fails(f"{path} is {_short(value)}; wanted {name} {_short(wanted)}")
        return passes(f"{path} is {_short(value)}")


def _look_up(value: Any, path: str) -> tuple[bool, Any]:
    """Whether the path leads anywhere, and to what. A whole name wins over a way through it."""
    if isinstance(value, dict) and path in value:
        return True, value[path]
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def _holds(name: str, value: Any, wanted: Any) -> bool:
    if name == "equals":
        return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)
    if name == "contains":
        parts = value if isinstance(value, list) else [value]
        return any(fold(wanted) in fold(str(part)) for part in parts)
    number = _number(value)
    if number is None:
        return False
    return bool(number >= wanted if name == "at_least" else number <= wanted)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _last(transcript: Transcript) -> list[Any]:
    said: list[Utterance] = transcript.utterances[-1:]
    return [one.evidence() for one in said]

"""Experiments, trials, verdicts and labels as they are stored, whatever the database is."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """How an experiment stands. `seconds` is the time it has run, `takeovers` how often a process
    died at it in a row, `wanted` what somebody asked of the process that runs it.
    """

    id: str
    name: str | None
    suite: str
    hash: str
    status: str
    plan: dict[str, Any]
    total: int
    created_at: str
    reason: str | None = None
    wanted: str | None = None
    owner: str | None = None
    takeovers: int = 0
    revision: int = 0
    seconds: float = 0.0
    started_at: str | None = None
    ended_at: str | None = None
    exit_code: int | None = None
    judge: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One conversation of an experiment. `number` is its place in the order in which they begin,
    `attempt` counts its conversations, of which the last one is meant.
    """

    number: int
    scenario: str
    persona: str
    bot: str
    repeat: int
    status: str = "pending"
    attempt: int = 1
    revision: int = 0
    outcome: str | None = None
    conversation_id: str | None = None
    end_reason: str | None = None
    turns: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    broken: dict[str, Any] | None = None
    skipped: str | None = None
    latencies: list[float] = field(default_factory=list)
    spending: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A verdict of one trial; `body` is all of it as JSON."""

    id: str
    kind: str
    status: str
    must: bool
    body: str


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A person's verdict on one check or criterion of a conversation."""

    conversation_id: str
    verdict_id: str
    labeller: str
    status: str
    note: str
    created_at: str

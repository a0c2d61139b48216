"""The vocabulary of evaluation: trial, cell, verdict, outcome, label. Plain data, no behaviour of
the engine; everything else in this package speaks it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["pass", "fail", "inconclusive", "error"]
Outcome = Literal["broken", "failed", "unjudged", "passed", "skipped"]
Kind = Literal["check", "criterion"]
Cause = Literal["bot", "simulator", "model", "infrastructure"]

STATUSES: tuple[Status, ...] = ("pass", "fail", "inconclusive", "error")
OUTCOMES: tuple[Outcome, ...] = ("broken", "failed", "unjudged", "passed", "skipped")
CAUSES: tuple[Cause, ...] = ("bot", "simulator", "model", "infrastructure")


class CellKey(NamedTuple):
    """The trials that differ only by repeat: scenario id, persona id ("" for none), bot id."""

    scenario: str
    persona: str
    bot: str

    def __str__(self) -> str:
        return "/".join((self.scenario, self.persona or "-", self.bot))


class TrialKey(NamedTuple):
    """One conversation of an experiment. `repeat` counts from 1."""

    scenario: str
    persona: str
    bot: str
    repeat: int

    @property
    def cell(self) -> CellKey:
        return CellKey(self.scenario, self.persona, self.bot)

    def __str__(self) -> str:
        return f"{self.cell}#{self.repeat}"


class Record(BaseModel):
    """Frozen data that takes nothing it does not know.

    Its validator is built when it is first needed: building all of them would hold up the start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Evidence(Record):
    """Where a verdict looks: a message of the transcript, counted from 0, and its words."""

    message: Annotated[int, Field(ge=0)]
    quote: str


class Spending(Record):
    """Tokens of judge calls. `cost_usd` is None where the price of a model is unknown."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class Vote(Record):
    """What one member of a panel said. `seconds` is the time of its calls."""

    model: str
    status: Status
    reason: str = ""
    evidence: list[Evidence] = []
    score: float | None = None
    asked: int = 1
    seconds: float = 0.0
    spending: Spending = Spending()


class Verdict(Record):
    """The answer to one check or criterion on one trial.

    `id` is unique among the checks and criteria of a scenario. `must` says whether the outcome
    depends on it. A criterion's verdict names the judge: its models, the hash of its prompt, the
    votes, tokens and cost.
    """

    id: str
    kind: Kind
    status: Status
    reason: str = ""
    evidence: list[Evidence] = Field(default_factory=list)
    must: bool = True
    score: float | None = None
    models: list[str] = Field(default_factory=list)
    prompt_hash: str | None = None
    votes: list[Vote] = Field(default_factory=list)
    spending: Spending | None = None

    @property
    def is_split(self) -> bool:
        """Whether the members of the panel disagreed."""
        return len({vote.status for vote in self.votes}) > 1


class Label(Record):
    """A person's verdict on one criterion or check of one trial."""

    verdict_id: str
    labeller: Annotated[str, Field(min_length=1, max_length=200)]
    status: Literal["pass", "fail", "inconclusive"]
    note: str = ""
    created_at: str = ""


def decide_outcome(
    verdicts: Iterable[Verdict], required: Iterable[str], cause: Cause | None = None
) -> Outcome:
    """The outcome of a trial that ran; the first rule that applies.

    `required` are the ids whose verdicts must be there: one that is missing was not judged, and a
    trial of which nothing is required proves nothing. `cause` says what broke the trial, if
    anything did.
    """
    if cause is not None:
        return "broken"
    found = {verdict.id: verdict.status for verdict in verdicts if verdict.must}
    if "fail" in found.values():
        return "failed"
    needed = {*required, *found}
    return "passed" if needed and all(found.get(id) == "pass" for id in needed) else "unjudged"


def apply_labels(verdicts: Sequence[Verdict], labels: Iterable[Label]) -> list[Verdict]:
    """The verdicts that figures count: a label wins over the judge and over a check.

    Where labellers disagree the most frequent status wins; a tie is `inconclusive`. The verdicts
    passed in are left as they are, so that both can be shown.
    """
    by_id: dict[str, list[Label]] = {}
    for label in labels:
        by_id.setdefault(label.verdict_id, []).append(label)
    return [
        _with_labels(verdict, by_id[verdict.id]) if verdict.id in by_id else verdict
        for verdict in verdicts
    ]


def _with_labels(verdict: Verdict, labels: Sequence[Label]) -> Verdict:
    status = majority([label.status for label in labels]) or "inconclusive"
    names = ", ".join(sorted({label.labeller for label in labels}))
    changes: Mapping[str, Any] = {"status": status, "reason": f"labelled by {names}"}
    return verdict.model_copy(update=changes)


def majority(statuses: Sequence[Status]) -> Status | None:
    """The status that occurs most often; None where two are equally frequent."""
    counts = {status: statuses.count(status) for status in STATUSES if status in statuses}
    most = max(counts.values(), default=0)
    winners = [status for status, count in counts.items() if count == most]
    return winners[0] if len(winners) == 1 else None

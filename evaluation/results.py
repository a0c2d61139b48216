"""What an experiment found, as data: the document that the API gives and that reports are made of.

Published as docs/schemas/experiment.json and comparison.json. Rates and probabilities run from 0 to
1, times are ISO 8601 in UTC, lengths of time are seconds and latencies milliseconds.
"""

from typing import Annotated, Literal

from pydantic import Field

from evaluation.simulated_users import (
    SecondOpinion,
    SecondOpinionFigures,
    UserFigures,
    UserRecord,
)
from evaluation.suite_info import Share, SuiteInfo
from evaluation.verdicts import Cause as BreakCause
from evaluation.verdicts import CellKey, Kind, Label, Outcome, Record, Spending, Verdict

ExperimentStatus = Literal["created", "running", "paused", "stopped", "completed", "interrupted"]
TrialStatus = Literal["pending", "running", "finished"]
Answer = Literal["met", "not_met", "undecided"]
Decision = Literal["accepted", "rejected", "undecided", "open"]
ComparisonAnswer = Literal["worse", "not_worse", "undecided", "not_comparable"]
ChangeKind = Literal["pass_to_fail", "fail_to_pass", "worse", "better", "same"]
Party = Literal["simulator", "bot", "judge"]
Role = Literal["user", "assistant"]

Count = Annotated[int, Field(ge=0)]


class Sentence(Record):
    """One thing said in plain words, in each language that reports speak."""

    en: str
    vi: str


class Rate(Record):
    """`passed` of `judged`, and what may be believed of it.

    `value` is None where nothing was judged. For more than one cell it is the mean of the cells'
    rates, so it may differ from passed / judged. `low` and `high` are the 95 % interval; both are
    None where trials stopped early, since such data is a decision and no estimate. `effective_n` is
    how many independent trials the interval is worth.
    """

    passed: Count
    judged: Count
    value: Share | None = None
    low: Share | None = None
    high: Share | None = None
    effective_n: float | None = None


class Tally(Record):
    """Trials by outcome; `pending` ones have not ended."""

    passed: Count = 0
    failed: Count = 0
    unjudged: Count = 0
    broken: Count = 0
    skipped: Count = 0
    pending: Count = 0

    @property
    def total(self) -> int:
        ended = self.passed + self.failed + self.unjudged + self.broken + self.skipped
        return ended + self.pending


class PassPower(Record):
    """The unbiased estimate of pass^k: the chance that `k` conversations in a row all pass."""

    k: Annotated[int, Field(ge=1)]
    value: Share


class ExperimentInfo(Record):
    """`reason` says why it is paused, stopped or interrupted; `exit_code` is the command's."""

    id: str
    name: str | None = None
    status: ExperimentStatus
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    reason: str | None = None
    exit_code: int | None = None


# --- trials -------------------------------------------------------------------------------------


class Line(Record):
    """One message of a trial; `index` counts from 0, turn 0 is a greeting."""

    index: Count
    turn: Count
    role: Role
    text: str
    latency_ms: float | None = None


class Breakage(Record):
    """Why a trial says nothing about quality: who failed, the event's code, and what it said."""

    cause: BreakCause
    code: str
    message: str = ""


class TrialRecord(Record):
    """One conversation. `outcome` is None until it is finished; `lines` may be left out.

    `latencies_ms` are the bot's, a turn each. `spending` is by who spent it. `reproduce` is the
    command that has this conversation again. `labels` are people's; verdicts are as the checks and
    the judge gave them, and the outcome takes both into account.
    """

    id: str
    scenario: str
    persona: str = ""
    bot: str
    repeat: Annotated[int, Field(ge=1)]
    status: TrialStatus
    outcome: Outcome | None = None
    conversation_id: str | None = None
    end_reason: str | None = None
    turns: Count = 0
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    verdicts: list[Verdict] = []
    labels: list[Label] = []
    broken: Breakage | None = None
    skipped: str | None = None
    latencies_ms: list[float] = []
    spending: dict[Party, Spending] = {}
    reproduce: str | None = None
    user: UserRecord | None = None
    second_opinion: SecondOpinion | None = None
    lines: list[Line] | None = None

    @property
    def cell(self) -> CellKey:
        return CellKey(self.scenario, self.persona, self.bot)


# --- cells --------------------------------------------------------------------------------------


class Variant(Record):
    """What some of the repeats say where they part; `text` is None where they had ended."""

    text: str | None
    repeats: list[int]
    passed: Count
    failed: Count


class Parting(Record):
    """Where the repeats of a flaky cell first differ.

    From turn `separates_at` on, no repeat that passed reads like one that failed; None where two
    with the same words were judged differently.
    """

    turn: Count
    role: Role
    variants: list[Variant]
    separates_at: Count | None = None


class CellRecord(Record):
    """The trials that differ only by repeat.

    `decision` is set where the sequential test rules; then there is no interval and no pass^k.
    """

    scenario: str
    persona: str = ""
    bot: str
    fingerprint: str | None = None
    tally: Tally
    rate: Rate
    pass_power: list[PassPower] = []
    flaky: bool = False
    decision: Decision | None = None
    parting: Parting | None = None

    @property
    def key(self) -> CellKey:
        return CellKey(self.scenario, self.persona, self.bot)


# --- figures ------------------------------------------------------------------------------------


class Condition(Record):
    """One thing that the gate asks of one bot.

    `kind` is the suite's rate, a criterion's, the share of accepted cells, agreement with people or
    the comparison with the baseline; `name` is the criterion's id or empty. `lower` and `upper` are
    one-sided 95 % bounds. `more_trials` is about how many more it would take to decide; None where
    it is decided or trials do not help.
    """

    kind: Literal["pass_rate", "criterion", "cells", "agreement", "baseline"]
    name: str = ""
    bot: str
    answer: Answer
    required: float | None = None
    floor: float | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    more_trials: Count | None = None
    sentence: Sentence


class GateResult(Record):
    """The answer is the worst of the conditions': not met, then undecided, then met."""

    answer: Answer
    conditions: list[Condition]
    sentence: Sentence


class QuestionFigures(Record):
    """Verdicts of one check or criterion of one bot; `rate` is passes of passes and fails."""

    id: str
    kind: Kind
    passed: Count = 0
    failed: Count = 0
    inconclusive: Count = 0
    error: Count = 0
    rate: Rate


class CellDecisions(Record):
    accepted: Count = 0
    rejected: Count = 0
    undecided: Count = 0
    open: Count = 0


class Latency(Record):
    """Of the bot's replies, in milliseconds."""

    replies: Count = 0
    p50: float | None = None
    p95: float | None = None
    max: float | None = None


class BotFigures(Record):
    bot: str
    tally: Tally
    rate: Rate
    pass_power: list[PassPower] = []
    decisions: CellDecisions | None = None
    questions: list[QuestionFigures] = []
    broken_by_cause: dict[BreakCause, int] = {}
    latency: Latency = Latency()
    seconds_a_trial: float | None = None
    spending: dict[Party, Spending] = {}
    answer: Answer | None = None
    sentence: Sentence


class CostFigures(Record):
    """`usd` is None where a price is unknown; then `unknown` names who spent without one."""

    usd: float | None = None
    usd_a_trial: float | None = None
    by_party: dict[Party, Spending] = {}
    unknown: list[Party] = []


class Figures(Record):
    """`valid` is false above `broken_at_most`; `notes` say what the figures do not."""

    tally: Tally
    bots: list[BotFigures]
    gate: GateResult | None = None
    valid: bool = True
    invalid_reason: Sentence | None = None
    flaky_cells: Count = 0
    cost: CostFigures = CostFigures()
    users: list[UserFigures] = []
    second_opinion: SecondOpinionFigures | None = None
    notes: list[Sentence] = []
    sentence: Sentence


# --- comparisons --------------------------------------------------------------------------------


class Side(Record):
    """One of the two that are compared: a bot in an experiment."""

    experiment: str
    name: str | None = None
    bot: str
    version: str | None = None


class Change(Record):
    """One scenario and persona on both sides. A cell passes where more than half of it does."""

    scenario: str
    persona: str = ""
    kind: ChangeKind
    base: Rate
    head: Rate


class ScenarioDifference(Record):
    """`p_value` is of an exact test within the scenario, `adjusted` after Holm over scenarios."""

    scenario: str
    base: Share
    head: Share
    difference: float
    p_value: Share
    adjusted: Share


class Comparison(Record):
    """Head minus base over the scenarios and personas that both have.

    `kind` says whether two bots of one experiment are compared or an experiment with an earlier
    one. `difference` has the 95 % interval `low` to `high`, one-sided 95 % bounds `lower` and
    `upper`, and the two-sided `p_value` of a test over `unit`s. With other fingerprints the sides
    are not comparable, and `moved` names what changed. `changes` has flips first: pass to fail,
    then fail to pass.
    """

    kind: Literal["bots", "baseline"]
    base: Side
    head: Side
    answer: ComparisonAnswer
    margin: Share
    tolerance: Share = 0.1
    moved: list[str] = []
    pairs: Count
    scenarios: Count
    base_rate: Rate
    head_rate: Rate
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    unit: Literal["scenario", "pair", "trial"] = "pair"
    changes: list[Change] = []
    by_scenario: list[ScenarioDifference] = []
    only_in_base: list[str] = []
    only_in_head: list[str] = []
    sentence: Sentence


# --- documents ----------------------------------------------------------------------------------


class ExperimentDocument(Record):
    """One experiment with its suite, figures, cells and trials."""

    format: Literal["duologue.experiment/1"] = "duologue.experiment/1"
    generated_at: str
    experiment: ExperimentInfo
    suite: SuiteInfo
    figures: Figures
    cells: list[CellRecord]
    trials: list[TrialRecord] = []
    comparisons: list[Comparison] = []


class ComparisonDocument(Record):
    """Two experiments beside each other, a comparison per bot."""

    format: Literal["duologue.comparison/1"] = "duologue.comparison/1"
    generated_at: str
    base: ExperimentInfo
    head: ExperimentInfo
    suite: SuiteInfo
    comparisons: list[Comparison]
    answer: ComparisonAnswer
    exit_code: int
    sentence: Sentence

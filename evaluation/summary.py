"""From trials to figures: the cells, the bots and the cost of an experiment."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Protocol, get_args

from evaluation.figures import sentences
from evaluation.figures.flakes import Remark, Repeat, find_fork
from evaluation.figures.rates import CellCount, estimate_rate, pass_power, percentile
from evaluation.figures.sentences import BilingualText
from evaluation.figures.sequential import Decision, SequentialTest
from evaluation.results import (
    BotFigures,
    Breakage,
    CellDecisions,
    CellRecord,
    CostFigures,
    Latency,
    Line,
    Parting,
    Party,
    PassPower,
    QuestionFigures,
    Rate,
    Sentence,
    Tally,
    Variant,
)
from evaluation.simulated_users import SecondOpinion, UserRecord
from evaluation.suite_info import AutoRepeats, ScenarioInfo, SuiteInfo
from evaluation.verdicts import (
    CellKey,
    Kind,
    Label,
    Outcome,
    Spending,
    Status,
    Verdict,
    apply_labels,
)

QuestionCounts = dict[tuple[str, Kind], dict[CellKey, Counter[Status]]]


class JudgedTrial(Protocol):
    """What figures need of a trial; a `TrialRecord` has it."""

    @property
    def id(self) -> str: ...
    @property
    def cell(self) -> CellKey: ...
    @property
    def bot(self) -> str: ...
    @property
    def repeat(self) -> int: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def conversation_id(self) -> str | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def latencies_ms(self) -> Sequence[float]: ...
    @property
    def spending(self) -> Mapping[Party, Spending]: ...
    @property
    def broken(self) -> Breakage | None: ...
    @property
    def verdicts(self) -> Sequence[Verdict]: ...
    @property
    def labels(self) -> Sequence[Label]: ...
    @property
    def user(self) -> UserRecord | None: ...
    @property
    def second_opinion(self) -> SecondOpinion | None: ...
    @property
    def lines(self) -> Sequence[Line] | None: ...


LinesOf = Callable[[JudgedTrial], Sequence[Line] | None]
_PARTIES: tuple[Party, ...] = get_args(Party)


def summarize_cells(
    suite: SuiteInfo,
    trials: Iterable[JudgedTrial],
    *,
    fingerprints: Mapping[CellKey, str] | None = None,
    lines_of: LinesOf | None = None,
) -> list[CellRecord]:
    """A record for each cell, in the order in which their first trials come.

    `fingerprints` are told by the caller, who knows the judge and the prompts. `lines_of` is asked
    for the transcripts of flaky cells alone; without it a trial's own `lines` are taken.
    """
    groups: dict[CellKey, list[JudgedTrial]] = {}
    for trial in trials:
        groups.setdefault(trial.cell, []).append(trial)
    plans = {scenario.id: scenario for scenario in suite.scenarios}
    return [
        _summarize_cell(
            key, group, plans.get(key.scenario), (fingerprints or {}).get(key), lines_of
        )
        for key, group in groups.items()
    ]


# --- cells --------------------------------------------------------------------------------------


def _summarize_cell(
    key: CellKey,
    trials: Sequence[JudgedTrial],
    scenario: ScenarioInfo | None,
    fingerprint: str | None,
    lines_of: LinesOf | None,
) -> CellRecord:
    tally = count_outcomes(trials)
    plan = scenario.repeats if scenario else 1
    passed, judged = tally.passed, tally.passed + tally.failed
    flaky = 0 < passed < judged
    return CellRecord(
        scenario=key.scenario,
        persona=key.persona,
        bot=key.bot,
        fingerprint=fingerprint,
        tally=tally,
        rate=_cell_rate(key, tally, plan),
        pass_power=[] if isinstance(plan, AutoRepeats) else list(_powers(passed, judged)),
        flaky=flaky,
        decision=decide_cell(trials, plan) if isinstance(plan, AutoRepeats) else None,
        parting=_find_parting(trials, lines_of) if flaky else None,
    )


def count_outcomes(trials: Iterable[JudgedTrial]) -> Tally:
    counts = Counter(trial.outcome or "pending" for trial in trials)
    return Tally(**{str(outcome): count for outcome, count in counts.items()})


def decide_cell(trials: Iterable[JudgedTrial], plan: AutoRepeats) -> Decision:
    """What the sequential test says of the repeats up to the first that has not ended."""
    ordered = sorted(trials, key=lambda trial: trial.repeat)
    outcomes: list[bool | None] = []
    for trial in ordered:
        if trial.outcome is None:
            break
        outcomes.append({"passed": True, "failed": False}.get(trial.outcome))
    test = SequentialTest(plan.good, plan.bad, plan.max)
    return test.decide(outcomes)


def _cell_rate(key: CellKey, tally: Tally, plan: int | AutoRepeats) -> Rate:
    count = CellCount(key.scenario, tally.passed, tally.failed)
    return to_rate([count], with_interval=not isinstance(plan, AutoRepeats))


def to_rate(cells: Sequence[CellCount], *, with_interval: bool = True) -> Rate:
    passed, judged = sum(cell.passed for cell in cells), sum(cell.judged for cell in cells)
    found = estimate_rate(cells)
    if found is None:
        return Rate(passed=passed, judged=judged)
    if not with_interval:
        return Rate(passed=passed, judged=judged, value=found.value)
    value, low, high, n = found
    return Rate(passed=passed, judged=judged, value=value, low=low, high=high, effective_n=n)


@lru_cache(maxsize=4096)
def _powers(passed: int, judged: int) -> tuple[PassPower, ...]:
    """pass^k for every k. Cells of the same counts share them: there are only so many counts."""
    found = ((k, pass_power(passed, judged, k)) for k in range(1, judged + 1))
    return tuple(PassPower(k=k, value=value) for k, value in found if value is not None)


def _find_parting(trials: Sequence[JudgedTrial], lines_of: LinesOf | None) -> Parting | None:
    repeats: dict[int, Repeat] = {}
    for trial in trials:
        lines = (lines_of(trial) if lines_of else trial.lines) or []
        if trial.outcome in ("passed", "failed") and lines:
            said = [Remark(line.turn, line.role, line.text) for line in lines]
            repeats[trial.repeat] = Repeat(trial.outcome == "passed", said)
    fork = find_fork(repeats)
    if fork is None:
        return None
    return Parting.model_validate(
        {
            "turn": fork.turn,
            "role": fork.role,
            "variants": [Variant(**branch._asdict()) for branch in fork.branches],
            "separates_at": fork.separates_at,
        }
    )


# --- bots ---------------------------------------------------------------------------------------


def summarize_bot(
    suite: SuiteInfo,
    bot: str,
    cells: Sequence[CellRecord],
    trials: Sequence[JudgedTrial],
    answers: QuestionCounts | None = None,
) -> BotFigures:
    """What the trials of one bot say together; `answers` spares counting the verdicts again."""
    decisions = count_decisions(cells)
    rate = to_rate([to_count(cell) for cell in cells], with_interval=decisions is None)
    latencies = [latency for trial in trials for latency in trial.latencies_ms]
    seconds = [trial.seconds for trial in trials if trial.seconds is not None]
    return BotFigures(
        bot=bot,
        tally=add_tallies(cell.tally for cell in cells),
        rate=rate,
        pass_power=mean_powers(cells),
        decisions=decisions,
        questions=summarize_questions(
            suite,
            count_verdicts(trials) if answers is None else answers,
            with_interval=decisions is None,
        ),
        broken_by_cause=dict(Counter(trial.broken.cause for trial in trials if trial.broken)),
        latency=summarize_latency(latencies),
        seconds_a_trial=sum(seconds) / len(seconds) if seconds else None,
        spending=merge_spending(trial.spending for trial in trials),
        sentence=_describe_bot(cells, decisions),
    )


def to_count(cell: CellRecord) -> CellCount:
    """A cell as the gate sees it: trials that have not ended or were not judged are open."""
    tally = cell.tally
    return CellCount(cell.scenario, tally.passed, tally.failed, tally.unjudged + tally.pending)


def _describe_bot(cells: Sequence[CellRecord], decisions: CellDecisions | None) -> Sentence:
    if decisions:
        unknown = decisions.undecided + decisions.open
        return to_sentence(
            sentences.describe_decisions(decisions.accepted, decisions.rejected, unknown)
        )
    counts = [to_count(cell) for cell in cells]
    passed, judged = sum(c.passed for c in counts), sum(c.judged for c in counts)
    return to_sentence(sentences.describe_rate(estimate_rate(counts), passed, judged))


def to_sentence(wording: BilingualText) -> Sentence:
    return Sentence(en=wording.en, vi=wording.vi)


def count_decisions(cells: Iterable[CellRecord]) -> CellDecisions | None:
    counts = Counter(cell.decision for cell in cells if cell.decision)
    return CellDecisions(**{str(name): count for name, count in counts.items()}) if counts else None


def mean_powers(cells: Sequence[CellRecord]) -> list[PassPower]:
    """The mean of the cells' pass^k, for every k that all of them have."""
    powers = [[power.value for power in cell.pass_power] for cell in cells]
    columns = zip(*powers, strict=False) if powers else ()
    return [
        PassPower(k=k, value=min(1.0, sum(column) / len(column)))
        for k, column in enumerate(columns, 1)
    ]


def count_verdicts(trials: Iterable[JudgedTrial]) -> QuestionCounts:
    """The verdicts on each question by cell. Labels win; broken trials count for nothing."""
    counted = Counter(
        (verdict.id, verdict.kind, cell, verdict.status)
        for cell, trial in ((trial.cell, trial) for trial in trials)
        if trial.outcome not in ("broken", "skipped", None)
        for verdict in current_verdicts(trial)
    )
    counts: QuestionCounts = {}
    for (id, kind, cell, status), count in counted.items():
        cells = counts.setdefault((id, kind), {})
        cells.setdefault(cell, Counter())[status] = count
    return counts


def summarize_questions(
    suite: SuiteInfo, counts: QuestionCounts, *, with_interval: bool = True
) -> list[QuestionFigures]:
    """Every check and criterion with its verdicts, in the order of the suite.

    Without intervals where trials stopped early.
    """
    questions = chain.from_iterable(scenario.questions for scenario in suite.scenarios)
    order = {question.id: place for place, question in enumerate(questions)}
    ranked = sorted(counts, key=lambda question: (order.get(question[0], len(order)), question))
    return [
        _summarize_question(*question, counts[question], with_interval=with_interval)
        for question in ranked
    ]


def current_verdicts(trial: JudgedTrial) -> Sequence[Verdict]:
    """The verdicts that count: people's labels win over checks and the judge."""
    return apply_labels(trial.verdicts, trial.labels) if trial.labels else trial.verdicts


def _summarize_question(
    id: str, kind: Kind, cells: Mapping[CellKey, Counter[Status]], *, with_interval: bool
) -> QuestionFigures:
    total: Counter[Status] = Counter()
    for cell in cells.values():
        total.update(cell)
    return QuestionFigures(
        id=id,
        kind=kind,
        passed=total["pass"],
        failed=total["fail"],
        inconclusive=total["inconclusive"],
        error=total["error"],
        rate=to_rate(question_cells(cells), with_interval=with_interval),
    )


def question_cells(cells: Mapping[CellKey, Counter[Status]]) -> list[CellCount]:
    """The cells of one question as the gate sees them: what could not be told is open."""
    return [
        CellCount(key.scenario, cell["pass"], cell["fail"], cell["inconclusive"] + cell["error"])
        for key, cell in cells.items()
    ]


def summarize_latency(latencies: Sequence[float]) -> Latency:
    ordered = sorted(latencies)
    return Latency(
        replies=len(ordered),
        p50=percentile(ordered, 0.5),
        p95=percentile(ordered, 0.95),
        max=ordered[-1] if ordered else None,
    )


def merge_spending(parts: Iterable[Mapping[Party, Spending]]) -> dict[Party, Spending]:
    """Tokens and cost by party; a cost is None as soon as one of its parts has no price."""
    groups: dict[Party, list[Spending]] = {}
    for part in parts:
        for party, spending in part.items():
            groups.setdefault(party, []).append(spending)
    return {party: _sum_spending(groups[party]) for party in _PARTIES if party in groups}


def _sum_spending(parts: Sequence[Spending]) -> Spending:
    taken = cached = given = 0
    cost: float | None = 0.0
    for part in parts:
        taken += part.input_tokens
        cached += part.cached_tokens
        given += part.output_tokens
        if part.cost_usd is not None:
            cost = None if cost is None else cost + part.cost_usd
        elif part.input_tokens or part.output_tokens:
            cost = None
    return Spending(input_tokens=taken, cached_tokens=cached, output_tokens=given, cost_usd=cost)


def summarize_cost(bots: Iterable[BotFigures]) -> CostFigures:
    """What the experiment cost so far, and per trial that ran."""
    figures = list(bots)
    by_party = merge_spending(bot.spending for bot in figures)
    unknown = [party for party, spending in by_party.items() if spending.cost_usd is None]
    if unknown or not by_party:
        return CostFigures(by_party=by_party, unknown=unknown)
    usd = sum(spending.cost_usd or 0.0 for spending in by_party.values())
    tally = add_tallies(bot.tally for bot in figures)
    ran = tally.total - tally.pending - tally.skipped
    return CostFigures(usd=usd, usd_a_trial=usd / ran if ran else None, by_party=by_party)


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally.__dict__)
    return Tally(**total)

"""How much checks and judge find: flaws are planted, and it is counted what they notice.

A flaw is found where a question fails that passed on the same transcript while it was clean; it is
found in the right place where the evidence names a message that shows it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.checks.any import name_checks, run_checks
from evaluation.checks.base import Check
from evaluation.checks.python import PythonRunner
from evaluation.criteria import Criterion
from evaluation.figures.rates import wilson_interval
from evaluation.flaws import FLAWS, Planted, plant
from evaluation.judge.judge import Judge
from evaluation.prices import add_spendings
from evaluation.transcripts import Transcript
from evaluation.verdicts import Kind, Record, Spending, Verdict

TALKS_AT_ONCE = 16


class Recall(Record):
    """`found` of `planted`, with a 95 % interval; `right_place` of those that were found."""

    planted: int
    found: int
    right_place: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.found / self.planted


class FlawResult(Record):
    """What was found of one kind. `judge` is None where nobody judged; `found_by` are ids."""

    kind: str
    checks: Recall
    judge: Recall | None = None
    both: Recall
    found_by: dict[str, int] = {}


class FalseAlarms(Record):
    """How often a question failed on a clean transcript, of those that it could judge."""

    id: str
    kind: Kind
    failed: int
    judged: int
    low: float
    high: float


class JudgeCheck(Record):
    """What checks and judge are worth on these transcripts.

    `unjudged` counts the verdicts of the judge that were errors: they found nothing.
    """

    clean: int
    flaws: list[FlawResult]
    false_alarms: list[FalseAlarms]
    unjudged: int = 0
    canary: str = ""
    spending: Spending | None = None


async def check_judge(
    clean: Sequence[Transcript],
    checks: Sequence[Check],
    criteria: Sequence[Criterion] = (),
    judge: Judge | None = None,
    *,
    kinds: Sequence[str] = tuple(FLAWS),
    seed: int = 0,
    runner: PythonRunner | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> JudgeCheck:
    """Plants each kind into each clean transcript and counts what is found.

    Without a judge it works offline, for checks alone. `progress` is told how many transcripts of
    how many were looked at. Raises ValueError without a clean transcript.
    """
    if not clean:
        raise ValueError("there is no clean transcript to plant flaws into")
    planted = [
        (place, flaw)
        for kind in kinds
        for place, one in enumerate(clean)
        if (flaw := plant(kind, one, seed + place)) is not None
    ]
    asking = _Asking(checks, criteria if judge else (), judge, runner)
    asking.expect(len(clean) + len(planted), progress)
    before = await asking.ask_all(clean)
    after = await asking.ask_all([flaw.transcript for _, flaw in planted])
    trials = [
        _Trial(flaw, before[place], verdicts)
        for (place, flaw), verdicts in zip(planted, after, strict=True)
    ]
    spent = [one.spending for found in [*before, *after] for one in found if one.spending]
    return JudgeCheck(
        clean=len(clean),
        flaws=[_sum_up(kind, trials, judge is not None) for kind in kinds if _has(kind, trials)],
        false_alarms=_count_alarms(before),
        unjudged=sum(_is_unjudged(one) for found in [*before, *after] for one in found),
        canary=judge.canary.reason if judge and judge.canary else "",
        spending=add_spendings(spent) if judge else None,
    )


@dataclass
class _Asking:
    """Asks all questions about transcripts, some of them at once."""

    checks: Sequence[Check]
    criteria: Sequence[Criterion]
    judge: Judge | None
    runner: PythonRunner | None
    done: int = 0
    total: int = 0
    tell: Callable[[int, int], None] | None = None
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TALKS_AT_ONCE))

    def expect(self, total: int, tell: Callable[[int, int], None] | None) -> None:
        self.total, self.tell = total, tell

    async def ask_all(self, transcripts: Sequence[Transcript]) -> list[list[Verdict]]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(one)) for one in transcripts]
        return [task.result() for task in tasks]

    async def _ask(self, transcript: Transcript) -> list[Verdict]:
        async with self.places:
            found = await run_checks(self.checks, transcript, self.runner)
            if self.judge is not None:
                found += await self.judge.judge_all(self.criteria, transcript)
        self.done += 1
        if self.tell is not None:
            self.tell(self.done, self.total)
        return found


@dataclass(frozen=True)
class _Trial:
    """A planted flaw, and the verdicts before and after."""

    flaw: Planted
    before: Sequence[Verdict]
    after: Sequence[Verdict]

    def finders(self, kind: Kind | None) -> list[Verdict]:
        """The verdicts that fail now and did not before."""
        clean = {one.id: one.status for one in self.before}
        return [
            one
            for one in self.after
            if one.status == "fail" and clean[one.id] != "fail" and kind in (None, one.kind)
        ]

    def is_right(self, kind: Kind | None) -> bool:
        named = {proof.message for one in self.finders(kind) for proof in one.evidence}
        return bool(named & self.flaw.places)


def _sum_up(kind: str, trials: Sequence[_Trial], judged: bool) -> FlawResult:
    own = [trial for trial in trials if trial.flaw.kind == kind]
    found_by: dict[str, int] = {}
    for trial in own:
        for verdict in trial.finders(None):
            found_by[verdict.id] = found_by.get(verdict.id, 0) + 1
    return FlawResult(
        kind=kind,
        checks=_recall(own, "check"),
        judge=_recall(own, "criterion") if judged else None,
        both=_recall(own, None),
        found_by=dict(sorted(found_by.items(), key=lambda pair: -pair[1])),
    )


def _recall(trials: Sequence[_Trial], kind: Kind | None) -> Recall:
    found = [trial for trial in trials if trial.finders(kind)]
    low, high = wilson_interval(len(found) / len(trials), len(trials))
    right = sum(trial.is_right(kind) for trial in found)
    return Recall(planted=len(trials), found=len(found), right_place=right, low=low, high=high)


def _has(kind: str, trials: Sequence[_Trial]) -> bool:
    return any(trial.flaw.kind == kind for trial in trials)


def _count_alarms(before: Sequence[Sequence[Verdict]]) -> list[FalseAlarms]:
    by_id: dict[str, list[Verdict]] = {}
    for found in before:
        for verdict in found:
            by_id.setdefault(verdict.id, []).append(verdict)
    return [_alarms(id, verdicts) for id, verdicts in by_id.items()]


def _alarms(id: str, verdicts: Sequence[Verdict]) -> FalseAlarms:
    judged = [one for one in verdicts if one.status in ("pass", "fail")]
    failed = sum(one.status == "fail" for one in judged)
    rate = failed / len(judged) if judged else 0.0
    low, high = wilson_interval(rate, len(judged)) if judged else (0.0, 1.0)
    return FalseAlarms(
        id=id, kind=verdicts[0].kind, failed=failed, judged=len(judged), low=low, high=high
    )


def _is_unjudged(verdict: Verdict) -> bool:
    return verdict.kind == "criterion" and verdict.status == "error"


def collect_questions(
    scenarios: Mapping[str, tuple[Sequence[Check], Sequence[Criterion]]],
) -> tuple[list[Check], list[Criterion]]:
    """The checks and criteria of a suite's scenarios, each once, with ids that differ.

    An id is the one in the first scenario that asks it, with the scenario's name where another
    question has the same: `greets:bot_says`.
    """
    checks: dict[str, tuple[str, str, Check]] = {}
    criteria: dict[str, tuple[str, str, Criterion]] = {}
    for scenario, (own_checks, own_criteria) in scenarios.items():
        names = name_checks(own_checks, [one.id for one in own_criteria])
        for name, check in zip(names, own_checks, strict=True):
            plain = check.model_copy(update={"id": None})
            checks.setdefault(plain.model_dump_json(), (scenario, name, plain))
        for criterion in own_criteria:
            criteria.setdefault(criterion.ask, (scenario, criterion.id, criterion))
    counts = Counter(name for _, name, _ in [*checks.values(), *criteria.values()])

    def rename(scenario: str, name: str) -> dict[str, str]:
        return {"id": name if counts[name] == 1 else f"{scenario}:{name}"}

    return (
        [one.model_copy(update=rename(*place)) for *place, one in checks.values()],
        [one.model_copy(update=rename(*place)) for *place, one in criteria.values()],
    )

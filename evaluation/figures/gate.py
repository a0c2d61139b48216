"""The gate: met, not met, or undecided and how many more trials it would take."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from evaluation.figures.rates import (
    ONE_SIDED,
    CellCount,
    effective_trials,
    mean_rate,
    wilson_interval,
)

Answer = Literal["met", "not_met", "undecided"]

MOST_TRIALS = 100_000
_SLACK = 1e-9


class RateDecision(NamedTuple):
    """`value`, `lower` and `upper` (one-sided 95 %) are None where nothing was judged.

    `more_trials` is how many more like these would do, if the rate stays; None where the gate is
    decided, where nothing was judged, or where more than MOST_TRIALS would be needed.
    """

    answer: Answer
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    effective_n: float | None = None
    more_trials: int | None = None


def decide_rate(
    cells: Sequence[CellCount], required: float, tolerance: float = 0.1
) -> RateDecision:
    """The gate's rule for a rate.

    Met: the rate is at least `required` and its lower bound at least `required - tolerance`, even
    if all open trials fail. Not met: the upper bound is below `required`, or the rate stays below
    it even if all open trials pass. Else undecided.
    """
    known = [cell for cell in cells if cell.judged]
    if not known:
        return RateDecision("undecided")
    value = mean_rate(known)
    n = effective_trials(known, ONE_SIDED)
    lower, upper = wilson_interval(value, n, ONE_SIDED)
    decided = RateDecision("undecided", value, lower, upper, n)
    if upper < required or _best_rate(cells) < required - _SLACK:
        return decided._replace(answer="not_met")
    if _is_met(_all_open_fail(cells), required, tolerance):
        return decided._replace(answer="met")
    made = sum(cell.judged for cell in known)
    return decided._replace(more_trials=_more_trials(value, n, made, required, tolerance))


def decide_shares(accepted: int, rejected: int, unknown: int, required: float) -> RateDecision:
    """The gate's rule for cells that were decided by the sequential test: the share accepted."""
    total = accepted + rejected + unknown
    if not total:
        return RateDecision("undecided")
    share = accepted / total
    if share >= required - _SLACK:
        return RateDecision("met", share)
    reachable = (accepted + unknown) / total >= required - _SLACK
    return RateDecision("undecided" if reachable else "not_met", share)


def combine_answers(answers: Iterable[Answer]) -> Answer:
    """The worst: not met, then undecided, then met. Nothing at all is undecided."""
    found = set(answers)
    if "not_met" in found:
        return "not_met"
    return "met" if found == {"met"} else "undecided"


def decide_exit(
    answer: Answer | None,
    *,
    finished: bool,
    valid: bool,
    clean: bool,
    undecided: Literal["fail", "pass"] | None = None,
    judged: bool = True,
) -> int:
    """The exit code of `duologue test`.

    `answer` is the gate's, None without a gate. `finished` is false where the experiment is paused
    or interrupted, `valid` where too many trials broke. `clean` says that all trials passed and
    were judged, and that there were any. Where something that the gate asks for was not `judged`
    at all, `undecided: pass` does not make it 0: a thin sample may pass, an empty one may not.
    """
    if not (finished and valid):
        return 3
    if answer is None:
        return 0 if clean else 1
    if answer == "undecided":
        return {"fail": 1, "pass": 0 if judged else 4, None: 4}[undecided]
    return 0 if answer == "met" else 1


def _best_rate(cells: Sequence[CellCount]) -> float:
    best = [CellCount(cell.scenario, cell.passed + cell.open, cell.failed) for cell in cells]
    return mean_rate([cell for cell in best if cell.judged])


def _all_open_fail(cells: Sequence[CellCount]) -> list[CellCount]:
    worst = [CellCount(cell.scenario, cell.passed, cell.failed + cell.open) for cell in cells]
    return [cell for cell in worst if cell.judged]


def _is_met(cells: Sequence[CellCount], required: float, tolerance: float) -> bool:
    value = mean_rate(cells)
    lower, _ = wilson_interval(value, effective_trials(cells, ONE_SIDED), ONE_SIDED)
    return _holds(value, lower, required, tolerance)


def _holds(value: float, lower: float, required: float, tolerance: float) -> bool:
    return value >= required - _SLACK and lower >= required - tolerance - _SLACK


def _more_trials(
    value: float, n: float, made: int, required: float, tolerance: float
) -> int | None:
    """How many beyond those `made`, if the rate stays and trials hang together as these do."""
    if value < required - _SLACK:
        return None
    low, high = 0.0, n
    while not _is_enough(value, high, required, tolerance):
        low, high = high, high * 2
        if high * made / n > MOST_TRIALS:
            return None
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        enough = _is_enough(value, middle, required, tolerance)
        low, high = (low, middle) if enough else (middle, high)
    return max(0, math.ceil(high * made / n - made - 1e-3))


def _is_enough(value: float, n: float, required: float, tolerance: float) -> bool:
    return _holds(value, wilson_interval(value, n, ONE_SIDED)[0], required, tolerance)

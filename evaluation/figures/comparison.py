"""Head against base, paired by scenario and persona, so that hard scenarios cancel out."""

import bisect
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import getitem, mul
from statistics import NormalDist
from typing import Literal, NamedTuple

from evaluation.figures.rates import (
    ONE_SIDED,
    TWO_SIDED,
    CellCount,
    wilson_interval,
)
from evaluation.figures.student import normal_quantile, student_quantile

Unit = Literal["scenario", "pair", "trial"]
Answer = Literal["worse", "not_worse", "undecided"]

EXACT_UNITS = 14
RANDOM_SUBSETS = 9_999
FEWEST_UNITS = 6  # 2 ** -5 is the first p-value below 5 %
_SLACK = 1e-12


class Pair(NamedTuple):
    """One scenario and persona on both sides: trials that passed, and that were judged."""

    scenario: str
    persona: str
    base_passed: int
    base_judged: int
    head_passed: int
    head_judged: int

    @property
    def difference(self) -> float:
        return self.head_passed / self.head_judged - self.base_passed / self.base_judged

    @property
    def base(self) -> CellCount:
        return CellCount(self.scenario, self.base_passed, self.base_judged - self.base_passed)

    @property
    def head(self) -> CellCount:
        return CellCount(self.scenario, self.head_passed, self.head_judged - self.head_passed)


class Difference(NamedTuple):
    """The mean difference with its 95 % interval, one-sided 95 % bounds and two-sided p-value.

    The test had so many `units`; `trials` are those of the side that has fewer.
    """

    value: float
    low: float
    high: float
    lower: float
    upper: float
    p_value: float
    unit: Unit
    units: int
    trials: int


def compare_pairs(pairs: Sequence[Pair]) -> Difference:
    """The mean of the pairs' differences, with a sign-flip test over scenarios or pairs.

    With at least 6 scenarios the personas of a scenario are flipped together; with fewer, but at
    least 6 pairs, each pair for itself. With fewer pairs flips can prove nothing, so an exact test
    over the trials within pairs takes their place. Where fewer than 6 units differ
    from what is most common among them, the interval is at least what chance within cells makes:
    equal results are no proof that nothing changed, nor that all changed alike.
    """
    value = math.fsum(pair.difference for pair in pairs) / len(pairs)
    unit, units = _units(pairs)
    sizes = len(units), _fewest_trials(pairs)
    if unit == "trial":
        (low, high), (lower, upper) = (_newcombe(pairs, q) for q in (TWO_SIDED, ONE_SIDED))
        return Difference(value, low, high, lower, upper, stratified_p(pairs), unit, *sizes)
    flips = SignFlips(units)
    intervals = [flips.interval(TWO_SIDED), flips.interval(ONE_SIDED)]
    if _count_unlike(units) < FEWEST_UNITS:
        least = (_least_interval(pairs, quantile) for quantile in (TWO_SIDED, ONE_SIDED))
        intervals = [_hull(a, b) for a, b in zip(intervals, least, strict=True)]
    (low, high), (lower, upper) = intervals
    return Difference(value, low, high, lower, upper, flips.p_value(), unit, *sizes)


def decide_difference(
    difference: Difference, margin: float = 0.05, tolerance: float = 0.1
) -> Answer:
    """Worse: a drop of more than `margin`, and surely a drop. Not worse: at most `margin`, and
    surely at most `margin + tolerance`. Else undecided.
    """
    if difference.value < -margin - _SLACK:
        return "worse" if _is_sure_drop(difference) else "undecided"
    return "not_worse" if difference.lower >= -margin - tolerance else "undecided"


def _is_sure_drop(difference: Difference) -> bool:
    """One-sided at 5 %, by the test and by the bound."""
    return difference.p_value <= 2 * (1 - ONE_SIDED) + _SLACK and difference.upper < 0


def chance_to_see(drop: float, difference: Difference) -> float:
    """The power: about how often an experiment like this finds a true drop of that size.

    A drop from a high rate brings more spread, hence the tenth; results come in steps of a trial.
    """
    freedom = difference.units - 1 if difference.unit != "trial" else 2 * difference.trials - 2
    quantile = student_quantile(TWO_SIDED, max(1, freedom))
    error = 1.1 * (difference.high - difference.low) / (2 * quantile)
    if error < _SLACK:
        return 1.0
    return NormalDist().cdf((drop - 1 / difference.trials) / error - quantile)


class SignFlips:
    """The sign-flip test of a mean, exact for few units.

    A flip of the signs of some units gives a mean at least as large as the observed one exactly
    where the mean over those units is 0 or less. So the sorted means over subsets tell the p-value
    for any true difference, and their quantiles are the interval. `units` are sums of differences
    with the number of differences in each.
    """

    def __init__(self, units: Sequence[tuple[float, int]], seed: int = 20) -> None:
        exact = len(units) <= EXACT_UNITS
        chosen = _all_subsets(units) if exact else _random_subsets(units, seed)
        self.means = sorted(total / count for total, count in chosen)
        self._flips = len(self.means) + 1  # the empty subset changes no sign

    def p_value(self, true: float = 0.0) -> float:
        """Two-sided, for the hypothesis that the true mean is `true`."""
        return min(1.0, 2 * min(self.p_greater(true), self.p_less(true)))

    def p_greater(self, true: float = 0.0) -> float:
        """One-sided, against a mean greater than `true`."""
        return (1 + bisect.bisect_right(self.means, true + _SLACK)) / self._flips

    def p_less(self, true: float = 0.0) -> float:
        """One-sided, against a mean less than `true`."""
        below = bisect.bisect_left(self.means, true - _SLACK)
        return (1 + len(self.means) - below) / self._flips

    def interval(self, quantile: float = TWO_SIDED) -> tuple[float, float]:
        """All true means that the test does not reject; from -1 to 1 where it cannot reject."""
        place = math.floor((1 - quantile) * self._flips + 1e-9)
        if place < 1:
            return -1.0, 1.0
        return self.means[place - 1], self.means[-place]


def stratified_p(pairs: Sequence[Pair]) -> float:
    """Two-sided exact test that no pair changed: trials are shuffled between sides within pairs.

    For one pair it is Fisher's exact test.
    """
    chances = [1.0]
    for pair in pairs:
        chances = _convolve(chances, _hypergeometric(pair))
    observed = chances[sum(pair.head_passed - _least_head(pair) for pair in pairs)]
    return min(1.0, math.fsum(chance for chance in chances if chance <= observed * (1 + 1e-7)))


def adjust_by_holm(p_values: Sequence[float]) -> list[float]:
    """The p-values as they count when so many were looked at (Holm)."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def compare_scenarios(pairs: Sequence[Pair]) -> Mapping[str, tuple[float, float]]:
    """For each scenario the p-value of its own exact test, and that after Holm."""
    by_scenario: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_scenario.setdefault(pair.scenario, []).append(pair)
    found = [stratified_p(group) for group in by_scenario.values()]
    both = zip(found, adjust_by_holm(found), strict=True)
    return dict(zip(by_scenario, both, strict=True))


# --- the parts ----------------------------------------------------------------------------------


def _units(pairs: Sequence[Pair]) -> tuple[Unit, list[tuple[float, int]]]:
    by_scenario: dict[str, list[float]] = {}
    for pair in pairs:
        by_scenario.setdefault(pair.scenario, []).append(pair.difference)
    if len(by_scenario) >= FEWEST_UNITS:
        return "scenario", [(math.fsum(group), len(group)) for group in by_scenario.values()]
    unit: Unit = "pair" if len(pairs) >= FEWEST_UNITS else "trial"
    return unit, [(pair.difference, 1) for pair in pairs]


def _count_unlike(units: Sequence[tuple[float, int]]) -> int:
    means = Counter(round(total / count, 9) for total, count in units)
    return len(units) - max(means.values())


def _least_interval(pairs: Sequence[Pair], quantile: float) -> tuple[float, float]:
    """What chance alone makes of such cells: pooled, or cell by cell where cells differ much."""
    pooled = _newcombe(pairs, quantile)
    value = math.fsum(pair.difference for pair in pairs) / len(pairs)
    noise = math.fsum(_noise(side) for pair in pairs for side in (pair.base, pair.head))
    half = normal_quantile(quantile) * math.sqrt(noise) / len(pairs)
    by_cell = (value - half, value + half)
    return min(pooled, by_cell, key=lambda ends: ends[1] - ends[0])


def _noise(cell: CellCount) -> float:
    """The variance of a cell's rate. Half a pass and half a failure more: it is never nothing."""
    rate = (cell.passed + 0.5) / (cell.judged + 1)
    return rate * (1 - rate) / cell.judged


def _newcombe(pairs: Sequence[Pair], quantile: float) -> tuple[float, float]:
    """Newcombe's interval of a difference, with as many trials a side as the means are worth."""
    base, head = [pair.base for pair in pairs], [pair.head for pair in pairs]
    (p, low_p, high_p), (q, low_q, high_q) = (_bounds(cells, quantile) for cells in (base, head))
    return (
        q - p - math.hypot(q - low_q, high_p - p),
        q - p + math.hypot(high_q - q, p - low_p),
    )


def _bounds(cells: Sequence[CellCount], quantile: float) -> tuple[float, float, float]:
    rate = math.fsum(cell.rate for cell in cells) / len(cells)
    n = len(cells) ** 2 / math.fsum(1 / cell.judged for cell in cells)
    return rate, *wilson_interval(rate, n, quantile)


def _fewest_trials(pairs: Sequence[Pair]) -> int:
    return min(sum(pair.base_judged for pair in pairs), sum(pair.head_judged for pair in pairs))


def _hull(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _all_subsets(units: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Sum and count over every subset but the empty one."""
    found = [(0.0, 0)]
    for total, count in units:
        found += [(total + before, count + number) for before, number in found]
    return found[1:]


def _random_subsets(units: Sequence[tuple[float, int]], seed: int) -> list[tuple[float, int]]:
    """Sum and count over random subsets."""
    alike = Counter((round(total, 12), count) for total, count in units)
    if len(alike) * 8 < len(units):
        return _draw_alike(alike, seed)
    return _draw_bytes(units, seed)


def _draw_alike(alike: Mapping[tuple[float, int], int], seed: int) -> list[tuple[float, int]]:
    """Of units that are alike only their number matters: so many bits of chance are set."""
    generator = random.Random(seed)  # noqa: S311 (a test that gives the same answer every time)
    masks, place = [], 0
    for number in alike.values():
        masks.append(((1 << number) - 1) << place)
        place += number
    totals, counts = zip(*alike, strict=True)
    found: list[tuple[float, int]] = []
    while len(found) < RANDOM_SUBSETS:
        chosen = generator.getrandbits(place)
        if chosen:
            numbers = [(chosen & mask).bit_count() for mask in masks]
            found.append((sum(map(mul, totals, numbers)), sum(map(mul, counts, numbers))))
    return found


def _draw_bytes(units: Sequence[tuple[float, int]], seed: int) -> list[tuple[float, int]]:
    """A byte of chance says which of eight units are in."""
    tables = [_tabulate_subsets(units[start : start + 8]) for start in range(0, len(units), 8)]
    generator = random.Random(seed)  # noqa: S311 (a test that gives the same answer every time)
    found: list[tuple[float, int]] = []
    while len(found) < RANDOM_SUBSETS:
        both = sum(map(getitem, tables, generator.randbytes(len(tables))))
        if both.imag:
            found.append((both.real, round(both.imag)))
    return found


def _tabulate_subsets(units: Sequence[tuple[float, int]]) -> list[complex]:
    """For each byte the sum (real) and count (imaginary) of a subset of at most eight units.

    One number holds both, so that adding up is one step. Fewer units repeat their subsets.
    """
    subsets = [0j, *(complex(total, count) for total, count in _all_subsets(units))]
    return subsets * (256 // len(subsets))


def _hypergeometric(pair: Pair) -> list[float]:
    """How often the head gets each number of the pair's passes, from its least number on."""
    passes, trials = pair.base_passed + pair.head_passed, pair.base_judged + pair.head_judged
    least, most = _least_head(pair), min(passes, pair.head_judged)
    whole = math.comb(trials, pair.head_judged)
    return [
        math.comb(passes, k) * math.comb(trials - passes, pair.head_judged - k) / whole
        for k in range(least, most + 1)
    ]


def _least_head(pair: Pair) -> int:
    return max(0, pair.base_passed + pair.head_passed - pair.base_judged)


def _convolve(one: Sequence[float], other: Sequence[float]) -> list[float]:
    sums = [0.0] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            sums[i + j] += a * b
    return sums

"""Rates with intervals: of a cell, and of a suite whose trials hang together by scenario."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evaluation.figures.student import normal_quantile, student_quantile

TWO_SIDED = 0.975
ONE_SIDED = 0.95


class CellCount(NamedTuple):
    """One cell: trials that passed and failed, and those whose outcome is `open`.

    Open ones have not ended or could not be judged; they are in no rate.
    """

    scenario: str
    passed: int
    failed: int
    open: int = 0

    @property
    def judged(self) -> int:
        return self.passed + self.failed

    @property
    def rate(self) -> float:
        return self.passed / self.judged


class Estimate(NamedTuple):
    """A rate, its two-sided 95 % interval and the number of independent trials it is worth."""

    value: float
    low: float
    high: float
    effective_n: float


def wilson_interval(rate: float, n: float, quantile: float = TWO_SIDED) -> tuple[float, float]:
    """Wilson's score interval; with quantile 0.95 each end is a one-sided 95 % bound."""
    z = normal_quantile(quantile)
    shrink = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if rate == 0 else max(0.0, centre - half)
    high = 1.0 if rate == 1 else min(1.0, centre + half)
    return low, high


def estimate_rate(cells: Sequence[CellCount]) -> Estimate | None:
    """The mean of the cells' rates, clustered by scenario; None where nothing was judged."""
    judged = [cell for cell in cells if cell.judged]
    if not judged:
        return None
    value = mean_rate(judged)
    n = effective_trials(judged, TWO_SIDED)
    return Estimate(value, *wilson_interval(value, n), n)


def mean_rate(cells: Sequence[CellCount]) -> float:
    return math.fsum(cell.rate for cell in cells) / len(cells)


def effective_trials(cells: Sequence[CellCount], quantile: float) -> float:
    """How many independent trials the mean of these cells' rates is worth.

    Never more than were made, so that outcomes that are all equal have an interval too, and never
    fewer than there are scenarios. In between it is the clustered variance that decides, with
    Student's t in place of the normal for a small number of scenarios (Korn and Graubard).
    """
    most = len(cells) ** 2 / math.fsum(1 / cell.judged for cell in cells)
    clusters = len({cell.scenario for cell in cells})
    if clusters < 2:
        return most
    rate = mean_rate(cells)
    variance = clustered_error([(cell.scenario, cell.rate) for cell in cells]) ** 2
    if variance < 1e-18:
        return most
    few = student_quantile(quantile, clusters - 1)
    many = student_quantile(quantile, max(most - 1, 1))
    return min(most, max(clusters, rate * (1 - rate) / variance * (many / few) ** 2))


def clustered_error(values: Iterable[tuple[str, float]]) -> float:
    """The standard error of a mean whose values hang together by cluster; 0 for one cluster."""
    by_cluster: dict[str, list[float]] = {}
    for cluster, value in values:
        by_cluster.setdefault(cluster, []).append(value)
    count = sum(len(group) for group in by_cluster.values())
    mean = math.fsum(value for group in by_cluster.values() for value in group) / count
    if len(by_cluster) < 2:
        return 0.0
    squares = math.fsum(
        math.fsum(value - mean for value in group) ** 2 for group in by_cluster.values()
    )
    return math.sqrt(squares * len(by_cluster) / (len(by_cluster) - 1)) / count


def pass_power(passed: int, judged: int, k: int) -> float | None:
    """pass^k without bias, C(passed, k) / C(judged, k); None with fewer than k trials."""
    return math.comb(passed, k) / math.comb(judged, k) if judged >= k else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of them lie, between neighbours by straight line."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

"""How far two groups of conversations lie apart, by features that need no model."""

import math
import random
import statistics
from collections.abc import Sequence
from typing import NamedTuple

Features = Sequence[float]
SHUFFLES = 499


class Distance(NamedTuple):
    """Energy distance of two groups, and how often groups drawn by lot lie at least so far apart.

    `parts` has the distance of each feature alone: which of them differ.
    """

    value: float
    p_value: float
    parts: list[float]


def measure_distance(
    one: Sequence[Features], other: Sequence[Features], *, shuffles: int = SHUFFLES, seed: int = 20
) -> Distance:
    """Energy distance over standardised features, with a permutation test.

    Each row is a conversation, each column a feature: length, share of one-word answers, and so on.
    Every feature weighs the same, whatever its unit; one that never varies weighs nothing. The test
    is random with a fixed seed: the same groups give the same answer. Raises ValueError for a group
    of fewer than two.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError("each group needs at least two conversations")
    rows = _standardise([*one, *other])
    apart = [[math.dist(a, b) for b in rows] for a in rows]
    members = list(range(len(rows)))
    observed = _energy(apart, members[: len(one)], members[len(one) :])
    source = random.Random(seed)  # noqa: S311 (a test that gives the same answer every time)
    as_far = 0
    for _ in range(shuffles):
        source.shuffle(members)
        drawn = _energy(apart, members[: len(one)], members[len(one) :])
        as_far += drawn >= observed - 1e-12
    columns = zip(zip(*one, strict=True), zip(*other, strict=True), strict=True)
    parts = [energy_distance(a, b) for a, b in columns]
    return Distance(observed, (1 + as_far) / (1 + shuffles), parts)


def energy_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two samples of one feature, in standard deviations of both together."""
    rows = _standardise([[value] for value in (*one, *other)])
    apart = [[abs(a - b) for (b,) in rows] for (a,) in rows]
    places = range(len(rows))
    return _energy(apart, places[: len(one)], places[len(one) :])


def _standardise(rows: Sequence[Features]) -> list[list[float]]:
    columns = list(zip(*rows, strict=True))
    scales = [(statistics.fmean(column), statistics.pstdev(column) or 1.0) for column in columns]
    return [
        [(value - mean) / scale for value, (mean, scale) in zip(row, scales, strict=True)]
        for row in rows
    ]


def _energy(apart: Sequence[Sequence[float]], one: Sequence[int], other: Sequence[int]) -> float:
    between = sum(apart[a][b] for a in one for b in other) / (len(one) * len(other))
    within = sum(
        sum(apart[a][b] for a in group for b in group) / len(group) ** 2 for group in (one, other)
    )
    return math.sqrt(max(0.0, 2 * between - within))

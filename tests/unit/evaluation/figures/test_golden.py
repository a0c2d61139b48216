"""Our figures are those of scipy, statsmodels, numpy and inspect_ai (tests/golden/README.md)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.figures.comparison import (
    Pair,
    SignFlips,
    adjust_by_holm,
    compare_pairs,
    stratified_p,
)
from evaluation.figures.distance import energy_distance
from evaluation.figures.rates import clustered_error, pass_power, percentile, wilson_interval
from evaluation.figures.sequential import fixed_passes
from evaluation.figures.student import normal_quantile, student_quantile

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "golden.json").read_text("utf-8"))
Row = dict[str, Any]


def check_normal(row: Row) -> list[tuple[float | None, float]]:
    return [(normal_quantile(row["share"]), row["value"])]


def check_student(row: Row) -> list[tuple[float | None, float]]:
    return [(student_quantile(row["share"], row["freedom"]), row["value"])]


def check_wilson(row: Row) -> list[tuple[float | None, float]]:
    rate, n = row["k"] / row["n"], row["n"]
    low, high = wilson_interval(rate, n)
    lower, upper = wilson_interval(rate, n, 0.95)
    names = ("low", "high", "lower", "upper")
    return list(zip((low, high, lower, upper), (row[name] for name in names), strict=True))


def check_clustered(row: Row) -> list[tuple[float | None, float]]:
    return [(clustered_error([(name, value) for name, value in row["values"]]), row["error"])]


def check_pass_power(row: Row) -> list[tuple[float | None, float]]:
    return [(pass_power(row["passed"], row["n"], row["k"]), row["value"])]


def check_sign_flips(row: Row) -> list[tuple[float | None, float]]:
    flips = SignFlips([(value, 1) for value in row["values"]])
    found = (flips.p_value(), flips.p_greater(), flips.p_less())
    return list(zip(found, (row["both"], row["greater"], row["less"]), strict=True))


def check_fisher(row: Row) -> list[tuple[float | None, float]]:
    return [(stratified_p([Pair("s", "", *row["table"])]), row["p_value"])]


def check_holm(row: Row) -> list[tuple[float | None, float]]:
    return list(zip(adjust_by_holm(row["p_values"]), row["adjusted"], strict=True))


def check_newcombe(row: Row) -> list[tuple[float | None, float]]:
    found = compare_pairs([Pair("s", "", *row["pair"])])
    return [(found.low, row["low"]), (found.high, row["high"])]


def check_percentile(row: Row) -> list[tuple[float | None, float]]:
    return [(percentile(row["values"], float(q)), value) for q, value in row["quantiles"].items()]


def check_tail(row: Row) -> list[tuple[float | None, float]]:
    return [(fixed_passes(row["rate"], row["n"], row["least"] / row["n"]), row["value"])]


def check_energy(row: Row) -> list[tuple[float | None, float]]:
    return [(energy_distance(row["one"], row["other"]), row["value"])]


CHECKS: dict[str, Callable[[Row], list[tuple[float | None, float]]]] = {
    "normal_quantiles": check_normal,
    "student_quantiles": check_student,
    "wilson": check_wilson,
    "clustered_errors": check_clustered,
    "pass_powers": check_pass_power,
    "sign_flips": check_sign_flips,
    "fisher": check_fisher,
    "holm": check_holm,
    "newcombe": check_newcombe,
    "percentiles": check_percentile,
    "binomial_tails": check_tail,
    "energy_distances": check_energy,
}


@pytest.mark.parametrize("name", CHECKS)
def test_equals_the_golden_values(name: str) -> None:
    assert GOLDEN[name]
    for row in GOLDEN[name]:
        for ours, theirs in CHECKS[name](row):
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9), row


def test_every_golden_value_is_looked_at() -> None:
    assert set(GOLDEN) == {"made_with", *CHECKS}

"""Rates with intervals that are never certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.figures.rates import (
    CellCount,
    effective_trials,
    estimate_rate,
    mean_rate,
    pass_power,
    percentile,
)


def cells(*counts: tuple[str, int, int]) -> list[CellCount]:
    return [CellCount(*count) for count in counts]


def test_a_suite_rate_is_the_mean_of_its_cells_rates() -> None:
    found = estimate_rate(cells(("a", 1, 0), ("b", 0, 9)))
    assert found is not None
    assert found.value == 0.5


def test_outcomes_that_are_all_equal_never_give_plus_minus_zero() -> None:
    for passed, failed in ((5, 0), (0, 5), (4, 1)):
        found = estimate_rate(cells(*((name, passed, failed) for name in "abcd")))
        assert found is not None
        assert found.high - found.low > 0.1


def test_trials_that_hang_together_by_scenario_are_worth_fewer() -> None:
    spread = cells(*((name, 10, 0) for name in "abcde"), *((name, 0, 10) for name in "fghij"))
    even = cells(*((name, 5, 5) for name in "abcdefghij"))
    assert effective_trials(spread, 0.975) == pytest.approx(10)
    assert effective_trials(even, 0.975) == 100


def test_personas_of_one_scenario_are_one_cluster() -> None:
    together = cells(("a", 5, 0), ("a", 5, 0), ("b", 1, 4), ("b", 1, 4))
    apart = cells(("a", 5, 0), ("b", 5, 0), ("c", 1, 4), ("d", 1, 4))
    assert effective_trials(together, 0.975) < effective_trials(apart, 0.975)


def test_cells_of_different_length_are_worth_no_more_than_their_harmonic_mean() -> None:
    assert effective_trials(cells(("a", 1, 0), ("a", 99, 0)), 0.975) == pytest.approx(3.96)


def test_nothing_judged_is_no_rate() -> None:
    assert estimate_rate([]) is None
    assert estimate_rate([CellCount("a", 0, 0, open=5)]) is None


def test_open_trials_are_in_no_rate() -> None:
    found = estimate_rate([CellCount("a", 3, 1, open=16)])
    assert found is not None
    assert found.value == 0.75
    assert found.effective_n == 4


def test_pass_power_is_unbiased_and_undefined_beyond_the_trials() -> None:
    assert pass_power(3, 5, 2) == pytest.approx(3 / 10)
    assert pass_power(5, 5, 6) is None


def test_a_percentile_of_nothing_is_none() -> None:
    assert percentile([], 0.5) is None


counts = st.builds(
    CellCount, st.sampled_from("abcd"), st.integers(1, 20), st.integers(0, 20), st.just(0)
)


@given(st.lists(counts, min_size=1, max_size=12))
def test_an_interval_holds_its_rate_and_stays_within_zero_and_one(found: list[CellCount]) -> None:
    estimate = estimate_rate(found)
    assert estimate is not None
    assert 0 <= estimate.low <= estimate.value + 1e-9
    assert estimate.value - 1e-9 <= estimate.high <= 1
    assert estimate.high > estimate.low
    assert estimate.value == mean_rate(found)
    scenarios = len({cell.scenario for cell in found})
    assert scenarios - 1e-9 <= estimate.effective_n <= sum(c.judged for c in found) + 1e-9

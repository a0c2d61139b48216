"""False alarms and power, by simulation with fixed seeds."""

import random
from collections.abc import Iterator

import pytest

from evaluation.figures.comparison import Pair, chance_to_see, compare_pairs, decide_difference
from evaluation.figures.rates import CellCount, estimate_rate

ROUNDS = 800


def experiments(
    seed: int,
    spread: str,
    *,
    scenarios: int = 9,
    personas: int = 3,
    repeats: int = 5,
    drop: float = 0.0,
) -> Iterator[list[Pair]]:
    """Two bots that pass 8 in 10: in every scenario, on average, or each where it likes."""
    source = random.Random(seed)
    for _ in range(ROUNDS):
        found = []
        for scenario in range(scenarios):
            base = 0.8 if spread == "none" else source.betavariate(3.2, 0.8)
            head = source.betavariate(3.2, 0.8) if spread == "between bots" else base
            for persona in range(personas):
                passed = [
                    sum(source.random() < rate for _ in range(repeats))
                    for rate in (base, max(0.0, head - drop))
                ]
                pair = (passed[0], repeats, passed[1], repeats)
                found.append(Pair(str(scenario), str(persona), *pair))
        yield found


@pytest.mark.parametrize("spread", ["none", "between scenarios", "between bots"])
def test_false_alarms_of_a_comparison_are_at_most_6_percent(spread: str) -> None:
    found = [compare_pairs(pairs) for pairs in experiments(1, spread)]
    assert sum(one.p_value <= 0.05 for one in found) / ROUNDS <= 0.06
    assert sum(decide_difference(one) == "worse" for one in found) / ROUNDS <= 0.06


def test_a_pooled_test_would_cry_wolf_where_bots_differ_by_scenario() -> None:
    """Why comparisons are paired: the textbook test of two proportions is wrong here."""
    alarms = 0
    for pairs in experiments(1, "between bots"):
        n = sum(pair.base_judged for pair in pairs)
        base, head = (
            sum(pair.base_passed for pair in pairs) / n,
            sum(pair.head_passed for pair in pairs) / n,
        )
        pooled = (base + head) / 2
        alarms += abs(head - base) > 1.96 * (2 * pooled * (1 - pooled) / n) ** 0.5
    assert alarms / ROUNDS > 0.15


@pytest.mark.parametrize("spread", ["none", "between scenarios", "between bots"])
def test_the_sentence_tells_the_power_of_the_experiment(spread: str) -> None:
    foretold = [chance_to_see(0.2, compare_pairs(pairs)) for pairs in experiments(2, spread)]
    seen = [compare_pairs(pairs) for pairs in experiments(3, spread, drop=0.2)]
    power = sum(one.p_value <= 0.05 and one.value < 0 for one in seen) / ROUNDS
    assert sum(foretold) / ROUNDS == pytest.approx(power, abs=0.1)


def test_a_drop_of_a_third_is_nearly_always_found() -> None:
    found = [compare_pairs(pairs) for pairs in experiments(4, "between scenarios", drop=0.33)]
    assert sum(decide_difference(one) == "worse" for one in found) / ROUNDS >= 0.95


@pytest.mark.parametrize(
    ("scenarios", "personas", "alpha", "beta", "least"),
    [
        (4, 3, None, None, 0.95),
        (5, 2, 5.4, 3.6, 0.93),
        (10, 1, 5.4, 3.6, 0.93),
        (20, 3, 5.4, 3.6, 0.93),
        (20, 3, 8.1, 0.9, 0.90),
    ],
)
def test_the_interval_of_a_suite_covers_the_rate_of_all_such_scenarios(
    scenarios: int, personas: int, alpha: float | None, beta: float | None, least: float
) -> None:
    source = random.Random(5)
    true = alpha / (alpha + beta) if alpha and beta else 0.8
    covered = 0
    for _ in range(ROUNDS):
        cells = []
        for scenario in range(scenarios):
            rate = source.betavariate(alpha, beta) if alpha and beta else true
            for _ in range(personas):
                passed = sum(source.random() < rate for _ in range(5))
                cells.append(CellCount(str(scenario), passed, 5 - passed))
        estimate = estimate_rate(cells)
        assert estimate is not None
        covered += estimate.low <= true <= estimate.high
    assert covered / ROUNDS >= least

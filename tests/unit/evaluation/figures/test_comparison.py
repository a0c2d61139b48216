"""Head against base, paired by scenario and persona."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.figures.comparison import (
    Pair,
    SignFlips,
    adjust_by_holm,
    chance_to_see,
    compare_pairs,
    compare_scenarios,
    decide_difference,
    stratified_p,
)


def pairs(*counts: tuple[int, int], trials: int = 5) -> list[Pair]:
    return [
        Pair(f"s{place}", "", base, trials, head, trials)
        for place, (base, head) in enumerate(counts)
    ]


def test_a_drop_in_every_scenario_is_sure_and_worse() -> None:
    found = compare_pairs(pairs(*[(5, 2)] * 8))
    assert found.value == pytest.approx(-0.6)
    assert found.p_value == pytest.approx(2 / 2**8)
    assert decide_difference(found) == "worse"


def test_a_drop_within_the_margin_is_not_worse_however_sure() -> None:
    found = compare_pairs(pairs(*[(100, 97)] * 12, trials=100))
    assert found.p_value < 0.001
    assert decide_difference(found, margin=0.05) == "not_worse"
    assert decide_difference(found, margin=0.01) == "worse"


def test_a_drop_that_may_be_chance_is_undecided() -> None:
    found = compare_pairs(pairs((5, 2), (4, 5), (5, 4), (3, 4), (5, 3), (5, 5)))
    assert found.value < -0.05
    assert decide_difference(found) == "undecided"


def test_all_equal_results_are_no_proof_that_nothing_changed() -> None:
    few = compare_pairs(pairs(*[(1, 1)] * 10, trials=1))
    assert few.low < -0.2 < 0.2 < few.high
    assert few.p_value == 1
    assert decide_difference(few) == "undecided"
    many = compare_pairs(pairs(*[(5, 5)] * 20))
    assert decide_difference(many) == "not_worse"


def test_scenarios_that_always_pass_or_always_fail_do_not_hide_a_drop() -> None:
    steady = [(10, 10)] * 7 + [(0, 0)] * 7
    found = compare_pairs(pairs(*steady, (10, 9), trials=10))
    assert -0.1 < found.low < found.high < 0.1
    assert chance_to_see(0.1, found) > 0.5


def test_hard_scenarios_cancel_out() -> None:
    changes = [(9, 7), (9, 8), (8, 7), (8, 5), (9, 6), (3, 1), (3, 2), (2, 1), (4, 1), (2, 2)]
    found = compare_pairs(pairs(*changes, trials=10))
    assert -0.3 < found.low < found.high < -0.05
    assert found.p_value < 0.01


def test_a_drop_that_is_the_same_everywhere_has_an_interval_too() -> None:
    found = compare_pairs(pairs(*[(9, 7)] * 5, *[(3, 1)] * 5, trials=10))
    assert found.high - found.low > 0.1
    assert decide_difference(found) == "worse"


def test_personas_of_a_scenario_are_flipped_together() -> None:
    alike = [
        Pair(f"s{scenario}", f"p{persona}", 5, 5, 5 - scenario % 3, 5)
        for scenario in range(6)
        for persona in range(3)
    ]
    assert compare_pairs(alike).unit == "scenario"
    assert compare_pairs(alike).units == 6
    assert compare_pairs(alike[:9]).unit == "pair"
    assert compare_pairs(alike[:5]).unit == "trial"


def test_with_few_pairs_trials_are_shuffled_within_them() -> None:
    found = compare_pairs(pairs((20, 6), (19, 8), trials=20))
    assert found.unit == "trial"
    assert found.p_value < 0.001
    assert found.high < 0
    assert decide_difference(found) == "worse"


def test_the_interval_holds_exactly_the_differences_that_the_test_does_not_reject() -> None:
    flips = SignFlips([(value / 10, 1) for value in (-3, -2, -1, -1, 0, 1, -4, -2)])
    low, high = flips.interval(0.975)
    assert flips.p_greater(low) > 0.025
    assert flips.p_greater(low - 0.001) <= 0.025
    assert flips.p_less(high) > 0.025
    assert flips.p_less(high + 0.001) <= 0.025


def test_random_flips_give_the_same_answer_every_time_and_nearly_the_exact_one() -> None:
    units = [((-1) ** place * place / 40 - 0.05, 1) for place in range(14)]
    exact = SignFlips(units)
    more = SignFlips([*units, (0.0, 1)])
    assert more.means == SignFlips([*units, (0.0, 1)]).means
    assert more.p_value() == pytest.approx(exact.p_value(), abs=0.03)


def test_scenarios_are_adjusted_for_how_many_were_looked_at() -> None:
    found = compare_scenarios(pairs((20, 5), (18, 17), (15, 16), trials=20))
    raw, adjusted = found["s0"]
    assert adjusted == pytest.approx(3 * raw)
    assert found["s1"][1] == 1
    assert adjust_by_holm([]) == []


def test_personas_of_a_scenario_are_tested_together() -> None:
    two = [Pair("s", "a", 9, 10, 4, 10), Pair("s", "b", 8, 10, 3, 10)]
    assert stratified_p(two) < min(stratified_p(two[:1]), stratified_p(two[1:]))


def test_a_larger_drop_is_seen_more_often() -> None:
    found = compare_pairs(pairs(*[(4, 4), (5, 4), (4, 5)] * 4))
    chances = [chance_to_see(drop, found) for drop in (0.05, 0.1, 0.2, 0.4)]
    assert chances == sorted(chances)
    assert chances[-1] > 0.9


counts = st.integers(1, 8).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(0, n), st.just(n))
)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 99), counts), min_size=1))
def test_swapping_the_sides_mirrors_the_answer(
    drawn: list[tuple[str, int, tuple[int, int, int, int]]],
) -> None:
    forth = [Pair(s, str(p), *numbers) for s, p, numbers in drawn[:10]]
    back = [Pair(p.scenario, p.persona, *p[4:], *p[2:4]) for p in forth]
    one, other = compare_pairs(forth), compare_pairs(back)
    assert one.value == pytest.approx(-other.value)
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low - 1e-9 <= one.value <= one.high + 1e-9

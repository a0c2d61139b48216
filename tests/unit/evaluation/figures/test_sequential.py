"""`repeats: auto`: a decision per cell, with few trials."""

import random
import statistics

import pytest

from evaluation.figures.sequential import SequentialTest, fixed_passes

TEST = SequentialTest(good=0.9, bad=0.6, max=30)
FIXED = 20


def test_a_flawless_bot_is_accepted_after_8_trials_and_a_dead_one_rejected_after_3() -> None:
    assert TEST.decide([True] * 7) == "open"
    assert TEST.decide([True] * 8) == "accepted"
    assert TEST.decide([False] * 2) == "open"
    assert TEST.decide([False] * 3) == "rejected"


def test_mean_trials_of_auto_are_at_most_60_percent_of_fixed_for_a_flawless_bot() -> None:
    assert TEST.foresee(1.0).mean_trials <= 0.6 * FIXED
    assert TEST.foresee(0.9).mean_trials == pytest.approx(13, abs=0.05)


def test_good_and_bad_bots_are_misjudged_in_at_most_5_percent() -> None:
    assert TEST.foresee(0.9).rejected <= 0.05
    assert TEST.foresee(0.6).accepted <= 0.05
    assert TEST.foresee(0.95).accepted >= 0.99


def test_at_most_max_trials_are_made() -> None:
    short = SequentialTest(max=5)
    assert short.decide([True, True, False, True, True]) == "undecided"
    assert short.foresee(0.75).mean_trials <= 5
    with_unjudged = [None, None, True, True, False, True]
    assert short.decide(with_unjudged) == "open"


def test_trials_that_were_not_judged_count_for_neither_side() -> None:
    assert TEST.decide([None, True] * 8) == "accepted"
    assert TEST.decide([None] * 30) == "open"


def test_what_comes_after_the_decision_changes_nothing() -> None:
    assert TEST.decide([*[True] * 8, *[False] * 20]) == "accepted"


@pytest.mark.parametrize("rate", [1.0, 0.9, 0.75, 0.6, 0.2, 0.0])
def test_the_exact_prospect_is_what_simulation_gives(rate: float) -> None:
    source, ends, lengths = random.Random(7), [], []
    for _ in range(2000):
        outcomes: list[bool] = []
        while TEST.decide(outcomes) == "open":
            outcomes.append(source.random() < rate)
        ends.append(TEST.decide(outcomes))
        lengths.append(len(outcomes))
    found = TEST.foresee(rate)
    assert found.mean_trials == pytest.approx(statistics.mean(lengths), abs=0.6)
    assert found.accepted == pytest.approx(ends.count("accepted") / 2000, abs=0.035)
    assert found.accepted + found.rejected + found.undecided == pytest.approx(1)


def test_a_good_rate_of_one_rejects_at_the_first_failure() -> None:
    assert SequentialTest(good=1.0, bad=0.5, max=30).decide([True, False]) == "rejected"


def test_five_fixed_repeats_let_a_60_percent_bot_pass_an_80_percent_gate_in_one_of_three() -> None:
    assert fixed_passes(0.6, 5, 0.8) == pytest.approx(1 / 3, abs=0.01)

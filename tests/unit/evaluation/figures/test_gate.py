"""The gate's three answers, each rule by its sentence."""

from typing import Any

import pytest

from evaluation.figures.gate import (
    Answer,
    combine_answers,
    decide_exit,
    decide_rate,
    decide_shares,
)
from evaluation.figures.rates import CellCount


def one_cell(passed: int, failed: int, open: int = 0) -> list[CellCount]:
    return [CellCount("a", passed, failed, open)]


def test_20_of_20_meets_0_9() -> None:
    assert decide_rate(one_cell(20, 0), 0.9).answer == "met"
    four_scenarios = [CellCount(name, 5, 0) for name in "abcd"]
    assert decide_rate(four_scenarios, 0.9).answer == "met"


def test_5_of_5_is_undecided_and_says_how_many_more_trials() -> None:
    found = decide_rate(one_cell(5, 0), 0.9)
    assert found.answer == "undecided"
    assert found.more_trials == 6
    assert decide_rate(one_cell(5 + 6, 0), 0.9).answer == "met"
    assert decide_rate(one_cell(5 + 5, 0), 0.9).answer == "undecided"


def test_met_asks_for_the_rate_and_for_the_lower_bound() -> None:
    assert decide_rate(one_cell(90, 10), 0.9).answer == "met"
    assert decide_rate(one_cell(9, 1), 0.9).answer == "undecided"
    assert decide_rate(one_cell(9, 1), 0.9, tolerance=0.4).answer == "met"
    assert decide_rate(one_cell(89, 11), 0.9, tolerance=0.4).answer == "not_met"


def test_not_met_where_the_upper_bound_is_below_even_with_trials_to_come() -> None:
    found = decide_rate(one_cell(5, 15, open=200), 0.9)
    assert found.answer == "not_met"
    assert found.upper is not None
    assert found.upper < 0.9


def test_not_met_where_the_remaining_trials_cannot_reach_it() -> None:
    assert decide_rate(one_cell(7, 1, open=0), 0.9).answer == "not_met"
    assert decide_rate(one_cell(7, 1, open=1), 0.9).answer == "not_met"
    assert decide_rate(one_cell(7, 1, open=2), 0.9).answer == "undecided"


def test_open_trials_keep_a_gate_undecided_that_they_could_still_change() -> None:
    found = decide_rate(one_cell(20, 0, open=5), 0.9)
    assert (found.answer, found.more_trials) == ("undecided", 0)
    assert decide_rate(one_cell(200, 0, open=5), 0.9).answer == "met"


def test_nothing_judged_is_undecided() -> None:
    assert decide_rate([], 0.9) == ("undecided", None, None, None, None, None)
    assert decide_rate(one_cell(0, 0, open=3), 0.9).answer == "undecided"


def test_a_rate_at_the_threshold_counts_in_spite_of_binary_fractions() -> None:
    tenths = [CellCount(str(cell), 7, 3) for cell in range(30)]
    assert decide_rate(tenths, 0.7).answer == "met"


def test_scenarios_that_differ_need_more_trials_than_ones_that_agree() -> None:
    agree = [CellCount(name, 14, 1) for name in "abcd"]
    differ = [CellCount("a", 11, 4), *(CellCount(name, 15, 0) for name in "bcd")]
    more = decide_rate(differ, 0.9).more_trials
    assert decide_rate(agree, 0.9).answer == "met"
    assert more is not None
    assert more > 30


def test_a_threshold_that_can_hardly_be_made_sure_names_no_number() -> None:
    assert decide_rate(one_cell(99, 1), 0.99, tolerance=0).more_trials is None


def test_with_decided_cells_the_gate_is_the_share_accepted() -> None:
    assert decide_shares(9, 1, 0, 0.9).answer == "met"
    assert decide_shares(8, 2, 0, 0.9).answer == "not_met"
    assert decide_shares(8, 1, 1, 0.9).answer == "undecided"
    assert decide_shares(0, 0, 0, 0.9).answer == "undecided"


@pytest.mark.parametrize(
    ("answers", "worst"),
    [
        (["met", "met"], "met"),
        (["met", "undecided"], "undecided"),
        (["undecided", "not_met", "met"], "not_met"),
        ([], "undecided"),
    ],
)
def test_every_condition_has_to_be_met(answers: list[Answer], worst: Answer) -> None:
    assert combine_answers(answers) == worst


@pytest.mark.parametrize(
    ("answer", "undecided", "code"),
    [
        ("met", None, 0),
        ("not_met", None, 1),
        ("undecided", None, 4),
        ("undecided", "fail", 1),
        ("undecided", "pass", 0),
    ],
)
def test_exit_code_of_a_gate(answer: Answer, undecided: str | None, code: int) -> None:
    found = decide_exit(
        answer,
        finished=True,
        valid=True,
        clean=False,
        undecided=undecided,  # type: ignore[arg-type]
    )
    assert found == code


def test_a_gate_of_which_nothing_was_judged_never_exits_0() -> None:
    facts: dict[str, Any] = {"finished": True, "valid": True, "clean": False, "judged": False}
    assert decide_exit("undecided", undecided="pass", **facts) == 4
    assert decide_exit("undecided", undecided="fail", **facts) == 1


def test_an_invalid_or_unfinished_experiment_exits_3_whatever_the_gate_says() -> None:
    assert decide_exit("met", finished=False, valid=True, clean=True) == 3
    assert decide_exit("not_met", finished=True, valid=False, clean=True) == 3


def test_without_a_gate_only_a_clean_experiment_exits_0() -> None:
    assert decide_exit(None, finished=True, valid=True, clean=True) == 0
    assert decide_exit(None, finished=True, valid=True, clean=False) == 1

from typing import Any

import pytest

from evaluation.verdicts import (
    CellKey,
    Label,
    Status,
    TrialKey,
    Verdict,
    Vote,
    apply_labels,
    decide_outcome,
    majority,
)


def verdict(id: str, status: Status, **more: Any) -> Verdict:
    return Verdict(id=id, kind="check", status=status, **more)


def label(id: str, status: Any, labeller: str = "lan") -> Label:
    return Label(verdict_id=id, labeller=labeller, status=status)


def test_a_broken_trial_is_broken_whatever_was_judged() -> None:
    assert decide_outcome([verdict("a", "fail")], ["a"], "bot") == "broken"


@pytest.mark.parametrize("other", ["pass", "inconclusive", "error"])
def test_a_required_verdict_that_is_fail_fails_the_trial(other: Status) -> None:
    assert decide_outcome([verdict("a", "fail"), verdict("b", other)], ["a", "b"]) == "failed"


@pytest.mark.parametrize("status", ["inconclusive", "error"])
def test_a_required_verdict_that_is_inconclusive_or_error_leaves_it_unjudged(
    status: Status,
) -> None:
    assert decide_outcome([verdict("a", status), verdict("b", "pass")], ["a", "b"]) == "unjudged"


def test_a_trial_passes_when_all_that_is_required_passed() -> None:
    assert decide_outcome([verdict("a", "pass")], ["a"]) == "passed"


@pytest.mark.parametrize("status", ["fail", "inconclusive", "error"])
def test_what_is_reported_only_never_decides(status: Status) -> None:
    verdicts = [verdict("a", "pass"), verdict("b", status, must=False)]
    assert decide_outcome(verdicts, ["a"]) == "passed"


def test_a_required_verdict_that_is_missing_was_not_judged() -> None:
    assert decide_outcome([verdict("a", "pass")], ["a", "b"]) == "unjudged"


def test_a_trial_of_which_nothing_is_required_proves_nothing() -> None:
    assert decide_outcome([], []) == "unjudged"
    assert decide_outcome([verdict("a", "pass", must=False)], []) == "unjudged"


def test_a_label_wins_and_the_judges_verdict_is_kept() -> None:
    judged = [verdict("a", "pass"), verdict("b", "pass")]
    counted = apply_labels(judged, [label("a", "fail")])
    assert [found.status for found in counted] == ["fail", "pass"]
    assert judged[0].status == "pass"
    assert "lan" in counted[0].reason


def test_labellers_who_disagree_evenly_leave_it_inconclusive() -> None:
    labels = [label("a", "fail"), label("a", "pass", "minh")]
    assert apply_labels([verdict("a", "pass")], labels)[0].status == "inconclusive"
    labels.append(label("a", "fail", "hoa"))
    assert apply_labels([verdict("a", "pass")], labels)[0].status == "fail"


def test_a_panel_that_disagrees_is_a_split() -> None:
    votes = [Vote(model="m", status="pass"), Vote(model="m", status="fail")]
    assert verdict("a", "inconclusive", votes=votes).is_split
    assert not verdict("a", "pass", votes=votes[:1]).is_split


def test_a_majority_needs_more_than_any_other() -> None:
    assert majority(["pass", "fail", "pass"]) == "pass"
    assert majority(["pass", "fail"]) is None
    assert majority([]) is None


def test_a_cell_is_the_trials_that_differ_only_by_repeat() -> None:
    first, second = TrialKey("drink", "child", "16", 1), TrialKey("drink", "child", "16", 2)
    assert first.cell == second.cell == CellKey("drink", "child", "16")
    assert str(first) == "drink/child/16#1"
    assert str(CellKey("drink", "", "16")) == "drink/-/16"

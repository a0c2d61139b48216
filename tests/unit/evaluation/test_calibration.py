from typing import Any

import pytest

from evaluation.calibration import (
    VerdictPair,
    calibrate,
    find_gate_kappa,
    pair_labels,
    queue_labels,
)
from evaluation.verdicts import Label, Status, Verdict, Vote


def verdict(status: Status, id: str = "kind", **more: Any) -> Verdict:
    return Verdict(id=id, kind="criterion", status=status, **more)


def label(status: Any, labeller: str = "lan", id: str = "kind") -> Label:
    return Label(verdict_id=id, labeller=labeller, status=status)


def pairs(table: dict[tuple[Status, Status], int]) -> list[VerdictPair]:
    return [
        VerdictPair(str(number), verdict(judge), people)
        for (judge, people), count in table.items()
        for number in range(count)
    ]


def test_cohens_kappa_equals_a_worked_example() -> None:
    # Agreement 35 of 50; chance 0.5 × 0.6 + 0.5 × 0.4 = 0.5, so kappa is 0.4.
    found = calibrate(
        pairs(
            {("pass", "pass"): 20, ("pass", "fail"): 5, ("fail", "pass"): 10, ("fail", "fail"): 15}
        )
    )[0]
    assert found.agreement == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.kappa_low is not None
    assert found.kappa_high is not None
    assert found.kappa_low < 0.4 < found.kappa_high
    assert len(found.disagreements) == 15


def test_perfect_agreement_is_no_certainty() -> None:
    found = calibrate(pairs({("pass", "pass"): 5, ("fail", "fail"): 5}))[0]
    assert found.kappa == 1.0
    assert found.kappa_low is not None
    assert found.kappa_low < 0.5


def test_when_all_is_pass_chance_alone_would_agree() -> None:
    found = calibrate(pairs({("pass", "pass"): 30}))[0]
    assert found.agreement == 1.0
    assert found.kappa is None


def test_what_either_could_not_tell_is_listed_and_not_compared() -> None:
    found = calibrate(
        pairs({("error", "pass"): 2, ("pass", "inconclusive"): 1, ("fail", "fail"): 3})
    )[0]
    assert (found.labelled, found.compared, found.agreed) == (6, 3, 3)
    assert len(found.disagreements) == 3


def test_a_calibration_without_a_comparison_has_no_figures() -> None:
    found = calibrate(pairs({("error", "pass"): 2}))[0]
    assert (found.compared, found.agreement, found.kappa) == (0, None, None)


def test_it_is_stale_when_the_fingerprint_changes() -> None:
    found = calibrate(pairs({("pass", "pass"): 1}), fingerprint="a1")[0]
    assert not found.is_stale("a1")
    assert found.is_stale("b2")


def test_several_labellers_are_one_voice() -> None:
    judged = {"t": [verdict("pass"), verdict("fail", "other")]}
    labels = {"t": [label("fail"), label("fail", "minh"), label("pass", "hoa")]}
    assert [(pair.verdict.id, pair.label) for pair in pair_labels(judged, labels)] == [
        ("kind", "fail")
    ]


def test_the_gate_takes_its_least_agreeing_criterion_and_none_where_one_is_missing() -> None:
    good = calibrate(pairs({("pass", "pass"): 9, ("fail", "fail"): 9}))[0]
    poor = calibrate(pairs({("pass", "pass"): 6, ("fail", "fail"): 6, ("pass", "fail"): 6}))[
        0
    ].model_copy(update={"verdict_id": "poor"})
    assert find_gate_kappa([good, poor], ["kind", "poor"]) == poor.kappa
    assert find_gate_kappa([good], ["kind", "poor"]) is None
    assert find_gate_kappa([good], []) is None


# --- what to label next ---------------------------------------------------------------------------


def test_the_queue_is_blind() -> None:
    tasks = queue_labels({"t": [verdict("fail", reason="rude")]}, {})
    assert tasks[0].model_dump() == {"trial": "t", "verdict_id": "kind"}


def test_what_is_doubtful_comes_first_then_fails_and_passes_in_turn() -> None:
    split = [Vote(model="m", status="pass"), Vote(model="m", status="fail")]
    judged = {
        "a": [verdict("pass")],
        "b": [verdict("pass")],
        "c": [verdict("pass")],
        "d": [verdict("fail")],
        "e": [verdict("inconclusive")],
        "f": [verdict("pass", votes=split)],
    }
    order = [task.trial for task in queue_labels(judged, {})]
    assert set(order[:2]) == {"e", "f"}
    assert order[2:] == ["a", "d", "b", "c"]


def test_criteria_with_few_labels_come_before_those_with_many() -> None:
    judged = {n: [verdict("pass"), verdict("pass", "new")] for n in "abcd"}
    labels = {n: [label("pass")] for n in "ab"}
    assert queue_labels(judged, labels)[0].verdict_id == "new"


def test_nobody_is_asked_twice() -> None:
    judged = {"a": [verdict("pass")], "b": [verdict("pass")]}
    labels = {"a": [label("pass", "lan")]}
    assert [task.trial for task in queue_labels(judged, labels)] == ["b"]
    assert [task.trial for task in queue_labels(judged, labels, "lan")] == ["b"]
    assert {task.trial for task in queue_labels(judged, labels, "minh")} == {"a", "b"}


def test_checks_are_not_asked_for() -> None:
    assert queue_labels({"a": [Verdict(id="x", kind="check", status="fail")]}, {}) == []

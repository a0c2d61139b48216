"""JUnit, read by junitparser."""

from typing import Any

import pytest
from junitparser import xunit2

from evaluation.suite_info import AutoRepeats, GateRule
from reports.render import render_report
from tests.unit.evaluation.samples import build_document, build_suite, build_trial

HOSTILE = "]]> <b>\x00\x1b[31m\ud800 & \"quoted\" 'nước' \U0001f9c3"


def read(document: dict[str, Any]) -> xunit2.JUnitXml:
    return xunit2.JUnitXml.fromstring(render_report(document, "junit").encode())


def cell(*outcomes: str | None, gate: GateRule | None = None, **more: Any) -> dict[str, Any]:
    """A document with one cell."""
    suite = build_suite(scenarios=1, personas=1, bots=["16"], gate=gate)
    trials = [
        build_trial("s0", "p0", "16", repeat, outcome, **more)
        for repeat, outcome in enumerate(outcomes, 1)
    ]
    return build_document(suite, trials).model_dump(mode="json")


def results(document: dict[str, Any]) -> list[str]:
    (suite,) = read(document)
    (case,) = suite
    return [type(result).__name__ for result in [*case.result, *case.interim_result]]


def test_a_suite_per_bot_and_a_case_per_cell(nightly: dict[str, Any]) -> None:
    found = read(nightly)
    assert [suite.name for suite in found] == ["Robot 16 (16)", "Robot 16-careless (16-careless)"]
    assert [len(list(suite)) for suite in found] == [12, 12]
    (first, *_) = list(next(iter(found)))
    assert (first.classname, first.name) == ("s0", "Orders a drink [A shy child]")
    properties = {item.name: item.value for item in next(iter(found)).properties()}
    assert properties["gate"] == "met"
    assert properties["version"] == "2026.11.1"


def test_a_cell_that_passes_in_spite_of_a_failure_is_flaky() -> None:
    document = cell("passed", "failed", "passed", gate=GateRule(pass_rate=0.6))
    assert results(document) == ["FlakyFailure"]


def test_a_cell_that_fails_has_one_failure_and_its_reruns() -> None:
    document = cell("failed", "passed", "failed", "failed", gate=GateRule(pass_rate=0.6))
    assert results(document) == ["Failure", "RerunFailure", "RerunFailure"]


def test_without_a_gate_one_failure_fails_the_case() -> None:
    assert results(cell("passed", "passed", "failed")) == ["Failure"]


def test_broken_and_unjudged_trials_are_errors_apart_from_failures() -> None:
    assert results(cell("broken", "passed")) == ["Error"]
    assert results(cell("unjudged", "unjudged")) == ["Error", "RerunError"]
    assert results(cell("failed", "broken")) == ["Failure", "RerunError"]
    (suite,) = read(cell("failed", "broken"))
    assert (suite.failures, suite.errors, suite.tests) == (1, 0, 1)


def test_a_cell_of_which_nothing_ran_is_skipped() -> None:
    assert results(cell("skipped", "skipped")) == ["Skipped"]
    assert results(cell(None, None)) == ["Skipped"]


def test_a_decided_cell_goes_by_its_decision() -> None:
    suite = build_suite(scenarios=1, personas=1, bots=["16"], repeats=AutoRepeats())
    outcomes = ["failed", *["passed"] * 12]
    trials = [build_trial("s0", "p0", "16", n, o) for n, o in enumerate(outcomes, 1)]
    document = build_document(suite, trials).model_dump(mode="json")
    assert document["cells"][0]["decision"] == "accepted"
    assert results(document) == ["FlakyFailure"]


@pytest.mark.parametrize("place", ["reproduce", "broken"])
def test_no_character_that_a_bot_says_spoils_the_file(place: str) -> None:
    given: dict[str, Any] = {"reproduce": HOSTILE}
    if place == "broken":
        given = {"broken": {"cause": "bot", "code": "bot_json", "message": HOSTILE}}
    document = cell("broken", **given)
    (suite,) = read(document)
    (case,) = suite
    assert "nước" in (case.result[0].text or "")
    assert "\x1b" not in render_report(document, "junit")


def test_totals_are_those_of_the_cases(nightly: dict[str, Any]) -> None:
    found = read(nightly)
    assert found.tests == 24
    assert found.failures == sum(suite.failures for suite in found)
    assert found.errors == sum(suite.errors for suite in found)


def test_messages_are_in_the_reader_s_language_and_names_for_programs_are_not() -> None:
    document = cell("failed", "passed")
    (failed, passed) = document["trials"]
    (verdict, *_) = failed["verdicts"]
    facts = {"id": "same", "kind": "check", "status": "fail", "reason": "turn 4 repeats turn 3"}
    failed = {**failed, "verdicts": [{**verdict, **facts}]}
    text = render_report({**document, "trials": [failed, passed]}, "junit", "vi")
    (suite,) = xunit2.JUnitXml.fromstring(text.encode())
    (case,) = suite
    (failure,) = case.result
    assert (failure.message, failure.type) == ("lần 1: same: lượt 4 lặp lại lượt 3", "failed")
    assert "chạy lại: duologue run" in (failure.text or "")
    assert case.system_out == "các lần 1: không đạt, 2: đạt"

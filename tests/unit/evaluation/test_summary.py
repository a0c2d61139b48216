"""From trials to cells, bots and cost."""

from typing import Any

import pytest

from evaluation.figures.gate import Answer
from evaluation.gate import choose_exit_code, summarize
from evaluation.results import Figures, TrialRecord
from evaluation.suite_info import AutoRepeats, BaselineInfo, GateRule, JudgeInfo, SuiteInfo
from evaluation.summary import summarize_cells
from evaluation.verdicts import Label, Spending
from tests.unit.evaluation.samples import build_document, build_suite, build_trial, draw_trials


def one_cell(*outcomes: str | None, **more: Any) -> list[TrialRecord]:
    return [
        build_trial("s0", "p0", "16", n, outcome, **more) for n, outcome in enumerate(outcomes, 1)
    ]


def small(gate: GateRule | None = None, **more: Any) -> SuiteInfo:
    return build_suite(scenarios=1, personas=1, bots=["16"], gate=gate, **more)


def figures(suite: SuiteInfo, trials: list[TrialRecord]) -> Figures:
    return summarize(suite, summarize_cells(suite, trials), trials)


def exit_code(suite: SuiteInfo, trials: list[TrialRecord], *, finished: bool = True) -> int:
    return choose_exit_code(figures(suite, trials), suite, finished=finished)


# --- cells --------------------------------------------------------------------------------------


def test_a_cell_is_the_trials_that_differ_only_by_repeat() -> None:
    trials = draw_trials(build_suite(), {"16": 1.0, "16-careless": 0.0})
    cells = summarize_cells(build_suite(), trials)
    assert len(cells) == 4 * 3 * 2
    assert {cell.tally.total for cell in cells} == {5}


def test_a_cell_whose_repeats_differ_is_flaky_and_says_where_they_part() -> None:
    nice = [("user", "orange jews"), ("assistant", "Nearly: juice.")]
    rude = [("user", "orange jews"), ("assistant", "Wrong.")]
    trials = [
        build_trial("s0", "p0", "16", 1, "passed", talk=nice),
        build_trial("s0", "p0", "16", 2, "failed", talk=rude),
    ]
    (cell,) = summarize_cells(small(), trials)
    assert cell.flaky
    assert cell.parting is not None
    assert (cell.parting.turn, cell.parting.role) == (1, "assistant")
    assert {variant.text for variant in cell.parting.variants} == {"Nearly: juice.", "Wrong."}


def test_transcripts_are_read_of_flaky_cells_alone() -> None:
    suite = build_suite(scenarios=2, personas=1, bots=["16"])
    steady = [build_trial("s1", "p0", "16", n, "passed") for n in (1, 2)]
    read: list[str] = []
    summarize_cells(
        suite,
        [*one_cell("passed", "failed"), *steady],
        lines_of=lambda trial: read.append(trial.id),
    )
    assert {id[:2] for id in read} == {"s0"}


def test_broken_unjudged_and_skipped_trials_are_in_no_rate() -> None:
    (cell,) = summarize_cells(
        small(), one_cell("passed", "failed", "broken", "unjudged", "skipped", None)
    )
    assert (cell.rate.passed, cell.rate.judged) == (1, 2)
    assert cell.tally.model_dump() == dict.fromkeys(cell.tally.model_dump(), 1)


def test_pass_power_of_a_cell_is_unbiased() -> None:
    (cell,) = summarize_cells(small(), one_cell("passed", "passed", "passed", "failed"))
    assert [power.value for power in cell.pass_power] == pytest.approx([0.75, 0.5, 0.25, 0])


def test_data_that_stopped_early_is_a_decision_and_no_estimate() -> None:
    suite = small(repeats=AutoRepeats())
    trials = one_cell(*["passed"] * 8, *["skipped"] * 22)
    (cell,) = summarize_cells(suite, trials)
    assert cell.decision == "accepted"
    assert (cell.rate.low, cell.rate.high, cell.pass_power) == (None, None, [])
    (bot,) = figures(suite, trials).bots
    assert (bot.rate.low, bot.pass_power) == (None, [])
    assert all(question.rate.low is None for question in bot.questions)


def test_the_sequential_test_goes_by_repeat_and_waits_for_the_first_that_has_not_ended() -> None:
    suite = small(repeats=AutoRepeats())
    early_failures = one_cell(None, "failed", "failed", "failed")
    (cell,) = summarize_cells(suite, early_failures)
    assert cell.decision == "open"


# --- questions, labels, latency, cost -----------------------------------------------------------


def test_verdicts_are_counted_by_question_and_labels_win() -> None:
    label = Label(verdict_id="corrects", labeller="an", status="pass")
    trials = [
        *one_cell("passed", "failed", "unjudged"),
        build_trial("s0", "p0", "16", 4, "failed", labels=[label]),
        build_trial("s0", "p0", "16", 5, "broken"),
    ]
    (bot,) = figures(small(), trials).bots
    found = {question.id: question for question in bot.questions}
    corrects = found["corrects"]
    assert (corrects.passed, corrects.failed, corrects.error) == (2, 1, 1)
    assert corrects.rate.judged == 3
    assert list(found) == ["says_juice", "corrects", "short"]


def test_broken_trials_are_counted_by_cause() -> None:
    (bot,) = figures(small(), one_cell("passed", "broken", "broken")).bots
    assert bot.broken_by_cause == {"simulator": 2}


def test_latency_is_that_of_all_replies() -> None:
    (bot,) = figures(small(), one_cell("passed", "passed")).bots
    assert (bot.latency.replies, bot.latency.max) == (8, 180 + 27 + 80)
    assert bot.latency.p50 == pytest.approx(253.5)


def test_cost_is_a_sum_and_unknown_where_one_price_is() -> None:
    known = figures(small(), one_cell("passed", "passed", "skipped")).cost
    assert known.usd == pytest.approx(0.014)
    assert known.usd_a_trial == pytest.approx(0.007)
    free = Spending(input_tokens=10)
    unknown = figures(small(), one_cell("passed", "passed", spending={"bot": free})).cost
    assert (unknown.usd, unknown.unknown) == (None, ["bot"])
    assert figures(small(), one_cell("passed", spending={})).cost.usd is None


# --- the gate -----------------------------------------------------------------------------------


def gate_answer(suite: SuiteInfo, trials: list[TrialRecord]) -> Answer | None:
    gate = figures(suite, trials).gate
    return gate.answer if gate else None


def test_every_bot_has_to_meet_the_gate() -> None:
    suite = build_suite(gate=GateRule(pass_rate=0.9))
    good = draw_trials(suite, {"16": 1.0, "16-careless": 1.0})
    assert gate_answer(suite, good) == "met"
    one_bad = figures(suite, draw_trials(suite, {"16": 1.0, "16-careless": 0.3}))
    assert one_bad.gate is not None
    assert one_bad.gate.answer == "not_met"
    assert one_bad.gate.sentence.en.startswith("16-careless: Not met")
    assert [bot.answer for bot in one_bad.bots] == ["met", "not_met"]


def test_a_gated_criterion_has_a_rate_of_its_own() -> None:
    rule = GateRule(criteria={"corrects": 0.8})
    assert gate_answer(small(rule), one_cell(*["passed"] * 20)) == "met"
    assert gate_answer(small(rule), one_cell(*["failed"] * 20)) == "not_met"
    missing = GateRule(criteria={"never_asked": 0.8})
    assert gate_answer(small(missing), one_cell(*["passed"] * 20)) == "undecided"


def test_unjudged_trials_leave_a_gate_undecided_that_they_could_change() -> None:
    rule = GateRule(pass_rate=0.9)
    trials = one_cell(*["passed"] * 20, *["unjudged"] * 4)
    assert gate_answer(small(rule), trials) == "undecided"
    assert exit_code(small(rule), trials) == 4
    assert gate_answer(small(rule), one_cell(*["passed"] * 20, "unjudged")) == "met"


def test_with_auto_repeats_the_gate_is_the_share_of_cells_accepted() -> None:
    rule = GateRule(pass_rate=0.9)
    suite = build_suite(scenarios=2, personas=1, bots=["16"], gate=rule, repeats=AutoRepeats())
    accepted = one_cell(*["passed"] * 8)
    rejected = [build_trial("s1", "p0", "16", n, "failed") for n in (1, 2, 3)]
    assert gate_answer(suite, [*accepted, *rejected]) == "not_met"
    under_way = [build_trial("s1", "p0", "16", 1, "failed")]
    assert gate_answer(suite, [*accepted, *under_way]) == "undecided"
    gate = figures(suite, [*accepted, *rejected]).gate
    assert gate is not None
    assert [condition.kind for condition in gate.conditions] == ["cells"]


def test_below_min_kappa_a_gated_criterion_leaves_the_gate_undecided() -> None:
    trials = one_cell(*["passed"] * 20)
    suite = small(GateRule(criteria={"corrects": 0.8}))
    for kappa, answer in ((None, "undecided"), (0.4, "undecided"), (0.7, "met")):
        judge = JudgeInfo(models=["m"], min_kappa=0.6, kappa=kappa)
        assert gate_answer(suite.model_copy(update={"judge": judge}), trials) == answer


def test_a_suite_that_asks_for_nothing_has_no_gate() -> None:
    assert gate_answer(small(), one_cell("passed")) is None
    assert gate_answer(small(GateRule(broken_at_most=0.5)), one_cell("passed")) is None


def test_worse_than_the_baseline_and_surely_is_not_met() -> None:
    suite = build_suite(gate=GateRule(pass_rate=0.1), baseline=BaselineInfo(experiment="green"))
    before = build_document(suite, draw_trials(suite, {"16": 1.0, "16-careless": 1.0}))
    after = build_document(
        suite, draw_trials(suite, {"16": 1.0, "16-careless": 0.5}), baseline=before
    )
    assert after.figures.gate is not None
    found = {
        (condition.kind, condition.bot): condition.answer
        for condition in after.figures.gate.conditions
    }
    assert found["baseline", "16"] == "met"
    assert found["baseline", "16-careless"] == "not_met"
    assert after.experiment.exit_code == 1


# --- validity and exit codes --------------------------------------------------------------------


def test_above_broken_at_most_the_experiment_is_invalid() -> None:
    trials = one_cell(*["passed"] * 19, "broken")
    assert figures(small(), trials).valid is False
    assert exit_code(small(), trials) == 3
    tolerant = small(GateRule(pass_rate=0.9, broken_at_most=0.05))
    assert figures(tolerant, trials).valid is True
    assert exit_code(tolerant, trials) == 0


def test_without_a_gate_0_only_if_all_trials_passed_and_were_judged() -> None:
    assert exit_code(small(), one_cell("passed", "passed")) == 0
    assert exit_code(small(), one_cell("passed", "failed")) == 1
    assert exit_code(small(), one_cell("passed", "unjudged")) == 4
    assert exit_code(small(), one_cell("failed", "unjudged")) == 1


def test_a_suite_of_zero_trials_or_one_where_nothing_was_judged_never_exits_0() -> None:
    for rule in (None, GateRule(pass_rate=0.0), GateRule(pass_rate=0.9)):
        assert exit_code(small(rule), []) != 0
        assert exit_code(small(rule), one_cell("unjudged")) != 0
        assert exit_code(small(rule), one_cell("skipped")) != 0


def test_an_experiment_that_has_not_finished_exits_3() -> None:
    assert exit_code(small(), one_cell("passed"), finished=False) == 3
    assert exit_code(small(), one_cell("passed", None)) == 3


def test_what_the_sequential_test_left_out_is_no_fault() -> None:
    suite = small(repeats=AutoRepeats())
    assert exit_code(suite, one_cell(*["passed"] * 8, *["skipped"] * 22)) == 0


def test_the_report_says_what_five_repeats_let_through() -> None:
    suite = build_suite(gate=GateRule(pass_rate=0.8))
    found = figures(suite, draw_trials(suite, {"16": 1.0, "16-careless": 1.0}))
    assert "60 % of the time reaches 80 % in 34 % of cells" in found.notes[0].en


@pytest.mark.parametrize(
    ("wanted", "says"), [("last-green", "ended with 0 here yet"), ("a1", "baseline a1")]
)
def test_a_baseline_that_nothing_was_compared_with_is_told(wanted: str, says: str) -> None:
    suite = build_suite(bots=["16"], baseline=BaselineInfo(experiment=wanted))
    found = figures(suite, draw_trials(suite, {"16": 1.0}))
    assert says in found.notes[0].en
    assert "mốc" in found.notes[0].vi


def test_a_suite_in_which_nothing_was_judged_never_exits_0() -> None:
    trials = [build_trial("s0", "p0", "16", n, "unjudged") for n in (1, 2)]
    for rule in (
        GateRule(pass_rate=0.1, undecided="pass"),
        GateRule(criteria={"corrects": 0.5}, undecided="pass"),
        None,
    ):
        assert exit_code(small(rule), trials) == 4

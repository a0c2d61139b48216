"""Labels reach the gate: EVALUATION, section 3, `min_kappa`."""

from evaluation.experiments.document import add_agreement
from evaluation.results import TrialRecord
from evaluation.suite_info import (
    BotInfo,
    GateRule,
    JudgeInfo,
    QuestionInfo,
    ScenarioInfo,
    SuiteInfo,
)
from evaluation.verdicts import Label, Status, Verdict

ASKED = QuestionInfo(id="kind", kind="criterion", text="Is it kind?")
SUITE = SuiteInfo(
    name="s",
    scenarios=[ScenarioInfo(id="a", name="a", questions=[ASKED])],
    bots=[BotInfo(id="16", name="robot")],
    judge=JudgeInfo(models=["m"], min_kappa=0.6),
    gate=GateRule(pass_rate=0.9, criteria={"kind": 0.9}),
)


def trial(number: int, judged: Status, labelled: Status | None) -> TrialRecord:
    verdict = Verdict(id="kind", kind="criterion", status=judged)
    facts = {"verdict_id": "kind", "labeller": "lan", "status": labelled}
    labels = [Label.model_validate(facts)] if labelled else []
    return TrialRecord(
        id=f"e/{number}",
        scenario="a",
        bot="16",
        repeat=number + 1,
        status="finished",
        verdicts=[verdict],
        labels=labels,
    )


def kappa(*pairs: tuple[Status, Status | None], suite: SuiteInfo = SUITE) -> float | None:
    found = add_agreement(suite, [trial(n, *pair) for n, pair in enumerate(pairs)])
    return found.judge.kappa if found.judge else None


def test_labels_on_the_trials_give_the_gate_its_kappa() -> None:
    assert kappa(("pass", "pass"), ("fail", "fail"), ("pass", None)) == 1.0
    disagreeing = kappa(("pass", "fail"), ("fail", "pass"))
    assert disagreeing is not None
    assert disagreeing < 0


def test_without_labels_agreement_is_not_known() -> None:
    assert kappa(("pass", None), ("fail", None)) is None


def test_a_check_in_the_gate_needs_no_agreement() -> None:
    checked = SUITE.model_copy(
        update={"gate": GateRule(pass_rate=0.9, criteria={"kind": 0.9, "turns": 0.9})}
    )
    assert kappa(("pass", "pass"), ("fail", "fail"), suite=checked) == 1.0


def test_a_suite_without_a_judge_stays_as_it_is() -> None:
    plain = SUITE.model_copy(update={"judge": None})
    assert add_agreement(plain, []) is plain

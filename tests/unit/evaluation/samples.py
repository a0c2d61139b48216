"""Experiments made up for tests: a good robot and its careless twin, with seeded outcomes."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from evaluation.compare import compare_bots, compare_experiments
from evaluation.gate import choose_exit_code, summarize
from evaluation.results import Breakage, ExperimentDocument, ExperimentInfo, Line, TrialRecord
from evaluation.suite_info import (
    AutoRepeats,
    BaselineInfo,
    BotInfo,
    GateRule,
    JudgeInfo,
    PersonaInfo,
    QuestionInfo,
    ScenarioInfo,
    SuiteInfo,
)
from evaluation.summary import summarize_cells
from evaluation.verdicts import Evidence, Spending, Verdict

SCENARIOS = ["Orders a drink", "Says goodbye", "Learns the colours", "Asks the way"]
PERSONAS = ["A shy child", "Mixes languages", "Answers wrong"]
TALK = [
    ("user", "Con khát nước quá, cô ơi!"),
    ("assistant", "Con muốn uống gì nào? Mình nói tiếng Anh nhé: I would like some…"),
    ("user", "some… nước cam ạ?"),
    ("assistant", "Gần đúng rồi! Nước cam là orange juice. Con nói lại cùng cô: orange juice."),
    ("user", "orange jews"),
    ("assistant", "Excellent! Con nói rất chuẩn. Chúng ta sang câu tiếp theo nhé."),
    ("user", "Con nói đúng chưa ạ?"),
    ("assistant", "Đúng rồi! Tạm biệt con, hẹn gặp lại <b>ngày mai</b> & {{name}}."),
]


def build_suite(
    *,
    scenarios: int = 4,
    personas: int = 3,
    bots: Sequence[str] = ("16", "16-careless"),
    repeats: int | AutoRepeats = 5,
    gate: GateRule | None = None,
    baseline: BaselineInfo | None = None,
) -> SuiteInfo:
    return SuiteInfo(
        name="Robot, every night",
        file="suites/robot.yaml",
        hash="5c1f09ab",
        scenarios=[
            ScenarioInfo(
                id=f"s{place}",
                name=SCENARIOS[place] if place < len(SCENARIOS) else f"Scenario {place}",
                tags=["smoke"],
                repeats=repeats,
                questions=[
                    QuestionInfo(id="says_juice", kind="check", text="bot_says: juice"),
                    QuestionInfo(
                        id="corrects",
                        kind="criterion",
                        text="Does the robot correct a wrong word kindly?",
                    ),
                    QuestionInfo(id="short", kind="check", text="words_a_reply: ≤ 60", must=False),
                ],
            )
            for place in range(scenarios)
        ],
        personas=[
            PersonaInfo(id=f"p{place}", name=PERSONAS[place % 3]) for place in range(personas)
        ],
        bots=[
            BotInfo(id=bot, name=f"Robot {bot}", version=f"2026.11.{place + 1}", kind="demo")
            for place, bot in enumerate(bots)
        ],
        gate=gate,
        baseline=baseline,
        judge=JudgeInfo(models=["gpt-4.1"], votes=3, canary="passed"),
    )


def build_trial(
    scenario: str,
    persona: str,
    bot: str,
    repeat: int,
    outcome: str | None,
    *,
    talk: Sequence[tuple[str, str]] = TALK,
    **more: Any,
) -> TrialRecord:
    """A trial with a transcript; a failed one says where and quotes the robot."""
    lines = [
        Line.model_validate(
            {
                "index": place,
                "turn": place // 2 + 1,
                "role": role,
                "text": text,
                "latency_ms": 180.0 + 7 * place if role == "assistant" else None,
            }
        )
        for place, (role, text) in enumerate(talk)
    ]
    ran = outcome not in (None, "broken", "skipped")
    given: dict[str, Any] = {
        "id": f"{scenario}-{persona}-{bot}-{repeat}",
        "scenario": scenario,
        "persona": persona,
        "bot": bot,
        "repeat": repeat,
        "status": "pending" if outcome is None else "finished",
        "outcome": outcome,
        "conversation_id": "0f5d7c52-6a55-4a5e-9a36-1e5d3a0b6f01",
        "end_reason": "user_done" if ran else None,
        "turns": len(talk) // 2 if ran else 0,
        "seconds": 8.2 if ran else None,
        "verdicts": _verdicts(outcome) if ran else [],
        "latencies_ms": [180.0 + 9 * place + 40 * repeat for place in range(4)] if ran else [],
        "spending": {
            "simulator": Spending(input_tokens=900, output_tokens=120, cost_usd=0.0021),
            "judge": Spending(input_tokens=2100, output_tokens=90, cost_usd=0.0049),
        }
        if ran
        else {},
        "reproduce": f"duologue run --scenario {scenario} --persona {persona} --bot {bot}",
        "lines": lines if ran else None,
        "broken": Breakage(cause="simulator", code="user_timeout", message="No line after 60 s.")
        if outcome == "broken"
        else None,
        "skipped": "budget" if outcome == "skipped" else None,
    }
    return TrialRecord.model_validate({**given, **more})


def _verdicts(outcome: str | None) -> list[Verdict]:
    juice = Verdict(
        id="says_juice",
        kind="check",
        status="pass",
        reason="The bot said it.",
        evidence=[Evidence(message=3, quote="orange juice")],
    )
    statuses = {"failed": "fail", "unjudged": "error"}
    corrects = Verdict.model_validate(
        {
            "id": "corrects",
            "kind": "criterion",
            "status": statuses.get(outcome or "", "pass"),
            "reason": {
                "failed": "It praises “orange jews” and goes on without correcting the word.",
                "unjudged": "The judge quoted words that nobody said.",
            }.get(outcome or "", "It corrects the learner and asks for the word again."),
            "evidence": [{"message": 5, "quote": "Excellent!  Con nói rất chuẩn."}]
            if outcome == "failed"
            else [],
            "models": ["gpt-4.1"],
        }
    )
    return [juice, corrects, Verdict(id="short", kind="check", status="pass", must=False)]


def draw_trials(suite: SuiteInfo, rates: dict[str, float], seed: int = 1) -> list[TrialRecord]:
    """Trials of every cell, passed at the bot's rate; hard scenarios pass less."""
    source = random.Random(seed)
    found = []
    for bot in suite.bots:
        for hard, scenario in enumerate(suite.scenarios):
            repeats = scenario.repeats if isinstance(scenario.repeats, int) else 8
            for persona in suite.personas:
                rate = rates[bot.id] ** (1 + hard / 3)
                for repeat in range(1, repeats + 1):
                    passed = source.random() < rate
                    talk = (
                        TALK
                        if not passed
                        else [*TALK[:5], ("assistant", "Nearly! Juice."), *TALK[6:]]
                    )
                    found.append(
                        build_trial(
                            scenario.id,
                            persona.id,
                            bot.id,
                            repeat,
                            "passed" if passed else "failed",
                            talk=talk,
                        )
                    )
    return found


def build_document(
    suite: SuiteInfo,
    trials: Iterable[TrialRecord],
    *,
    id: str = "0b9f3c1e-7a1d-4b5e-9d55-5d3f6f1f2a10",
    name: str | None = "nightly-2026-11-21",
    baseline: ExperimentDocument | None = None,
) -> ExperimentDocument:
    made = list(trials)
    cells = summarize_cells(suite, made)
    comparisons = compare_bots(id, cells, {bot.id: bot.version for bot in suite.bots})
    draft = ExperimentDocument(
        generated_at="2026-11-21T03:20:41Z",
        experiment=ExperimentInfo(
            id=id,
            name=name,
            status="completed",
            created_at="2026-11-21T03:00:00Z",
            started_at="2026-11-21T03:00:02Z",
            ended_at="2026-11-21T03:20:40Z",
            seconds=1238.0,
        ),
        suite=suite,
        figures=summarize(suite, cells, made, []),
        cells=cells,
        trials=made,
        comparisons=comparisons,
    )
    if baseline:
        comparisons = [*compare_experiments(baseline, draft), *comparisons]
    figures = summarize(suite, cells, made, comparisons)
    code = choose_exit_code(figures, suite, finished=True)
    info = draft.experiment.model_copy(update={"exit_code": code})
    changes = {"figures": figures, "comparisons": comparisons, "experiment": info}
    return draft.model_copy(update=changes)


def build_nightly() -> ExperimentDocument:
    """The one that reports are looked at with: two bots, a baseline, faults of every kind."""
    gate = GateRule(pass_rate=0.9, criteria={"corrects": 0.8}, broken_at_most=0.05)
    suite = build_suite(gate=gate, baseline=BaselineInfo(experiment="last-green"))
    before = build_document(
        suite,
        draw_trials(suite, {"16": 0.97, "16-careless": 0.94}, seed=3),
        id="5a1e7c58-1111-4b5e-9d55-5d3f6f1f2a10",
        name="last-green",
    )
    trials = draw_trials(suite, {"16": 0.99, "16-careless": 0.6}, seed=2)
    for place, outcome in ((4, "broken"), (19, "unjudged"), (61, "broken"), (62, "skipped")):
        old = trials[place]
        trials[place] = build_trial(old.scenario, old.persona, old.bot, old.repeat, outcome)
    return build_document(suite, trials, baseline=before)

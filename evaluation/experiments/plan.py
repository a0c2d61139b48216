"""An experiment before it runs: its row, all its trials, and what documents say of its suite."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.message import now
from evaluation.cells import Cell, ResolvedSuite
from evaluation.fingerprints import digest
from evaluation.scenarios import ScenarioFile
from evaluation.suite_info import (
    AutoRepeats,
    BaselineInfo,
    BotInfo,
    JudgeInfo,
    PersonaInfo,
    QuestionInfo,
    ScenarioInfo,
    SuiteInfo,
)
from evaluation.verdicts import CellKey, TrialKey
from graph.storage.experiment_rows import ExperimentRow, TrialRow


def plan_experiment(suite: ResolvedSuite, name: str | None = None) -> ExperimentRow:
    """The row of a new experiment, nothing of which has run."""
    return ExperimentRow(
        id=str(uuid4()),
        name=name,
        suite=suite.suite.name,
        hash=suite.hash,
        status="created",
        plan=pack_suite(suite),
        total=suite.count,
        created_at=now(),
    )


def plan_trials(suite: ResolvedSuite) -> list[TrialRow]:
    """All trials, in the order in which they begin."""
    return [TrialRow(number, *key) for number, key in enumerate(suite.trials())]


def key_of(trial: TrialRow) -> TrialKey:
    """Names a trial among those of its experiment, and of every other of the same suite."""
    return TrialKey(trial.scenario, trial.persona, trial.bot, trial.repeat)


def plan_more_trials(
    cells: Sequence[Cell], trials: Sequence[TrialRow], more: int
) -> list[TrialRow]:
    """`more` repeats of each cell, to follow those that it has."""
    last: dict[CellKey, int] = {}
    for trial in trials:
        key = CellKey(trial.scenario, trial.persona, trial.bot)
        last[key] = max(trial.repeat, last.get(key, 0))
    first = max((trial.number for trial in trials), default=-1) + 1
    keys = [
        (cell.key, last.get(cell.key, 0) + step) for step in range(1, more + 1) for cell in cells
    ]
    return [TrialRow(first + place, *key, repeat) for place, (key, repeat) in enumerate(keys)]


def pack_suite(suite: ResolvedSuite) -> dict[str, Any]:
    """The resolved suite as plain data, what is default left out."""
    return suite.model_dump(mode="json", exclude_unset=True)


def read_suite(plan: Mapping[str, Any]) -> ResolvedSuite:
    """The suite that an experiment was planned with."""
    return ResolvedSuite.model_validate(plan)


def describe_suite(suite: ResolvedSuite, row: ExperimentRow | None = None) -> SuiteInfo:
    """What documents say of a suite; the row tells what is known only since it ran."""
    asked = suite.suite
    budget = (row.budget if row else None) or (asked.budget.model_dump() if asked.budget else {})
    known = (row.judge if row else None) or {}
    plans = {cell.scenario: cell.repeats for cell in reversed(suite.cells)}
    baseline = asked.baseline
    if baseline and known.get("baseline"):
        baseline = BaselineInfo(experiment=known["baseline"], margin=baseline.margin)
    return SuiteInfo(
        name=asked.name,
        file=suite.file,
        hash=row.hash if row else suite.hash,
        scenarios=[
            _describe_scenario(one, plans.get(one.id or "", 1)) for one in suite.scenarios.values()
        ],
        personas=[
            PersonaInfo(id=id, name=one.name, aims=[aim.aim for aim in one.aims])
            for id, one in suite.personas.items()
        ],
        simulators=suite.simulators,
        bots=[_describe_bot(id, one, known.get("versions", {})) for id, one in suite.bots.items()],
        gate=asked.gate,
        baseline=baseline,
        judge=_describe_judge(suite, known),
        budget_usd=budget.get("cost_usd"),
        budget_minutes=budget.get("minutes"),
    )


def _describe_scenario(scenario: ScenarioFile, repeats: int | AutoRepeats) -> ScenarioInfo:
    checks = [
        QuestionInfo(id=id, kind="check", text=check.describe(), must=check.must)
        for id, check in zip(scenario.check_ids, scenario.checks, strict=True)
    ]
    criteria = [
        QuestionInfo(id=one.id, kind="criterion", text=one.ask, must=one.must)
        for one in scenario.criteria
    ]
    return ScenarioInfo(
        id=scenario.id or "",
        name=scenario.name,
        tags=scenario.tags,
        questions=[*checks, *criteria],
        repeats=repeats,
    )


def _describe_bot(id: str, bot: Mapping[str, Any], versions: Mapping[str, str]) -> BotInfo:
    return BotInfo(
        id=id,
        name=bot.get("name") or f"bot {id}",
        version=versions.get(id) or bot.get("version"),
        kind=bot.get("kind"),
    )


def _describe_judge(suite: ResolvedSuite, known: Mapping[str, Any]) -> JudgeInfo | None:
    if not suite.judges:
        return None
    return JudgeInfo(
        models=list(dict.fromkeys(suite.judges)),
        votes=len(suite.judges),
        prompt_hash=suite.prompts.get("judge_hash"),
        canary=known.get("canary"),
        kappa=known.get("kappa"),
        min_kappa=suite.suite.judge.min_kappa if suite.suite.judge else None,
    )


def fingerprints_of(suite: ResolvedSuite) -> dict[CellKey, str]:
    """What each cell's figures depend on besides the bot, as one hash."""
    return {cell.key: digest(cell.fingerprint) for cell in suite.cells}

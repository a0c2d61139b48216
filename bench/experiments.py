"""Experiments as they lie in the database: ten thousand trials opened, and their figures."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.settings import Settings
from evaluation.experiments.plan import plan_experiment, plan_trials
from evaluation.experiments.service import ExperimentService, open_experiments
from evaluation.experiments.trial import pack_verdict
from evaluation.experiments.trial_records import describe_trials
from evaluation.project import Project
from evaluation.resolve import load_suite
from evaluation.verdicts import Verdict
from graph.process import open_process
from graph.storage.experiment_rows import ExperimentRow, TrialRow, VerdictRow
from graph.storage.opening import Storage

SCENARIO = "checks:\n  - bot_says: juice\n  - no_repeats: bot\n  - no_leftovers: bot\n"
SUITE = """name: big
scenarios: [scenarios/*.yaml]
bots: [16, careless]
repeats: 10
gate: {pass_rate: 0.9}
"""
PAGE = 100


def opening_ms(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds for an experiment of 10,000 trials that rests: `figures` as a process works
    them out of the rows, `opening` as the next one shows it, with its first page of trials.
    """
    return asyncio.run(_measure(folder, rounds))


async def _measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    settings = Settings(database_url=f"sqlite:///{folder / 'bench.db'}", resume_on_start=False)
    async with _experiments(settings) as service:
        row = await _fill(service.storage, folder, settings)
    found: dict[str, list[float]] = {"figures": [], "opening": []}
    for _ in range(rounds):
        async with _experiments(settings) as service:
            await service.storage.experiments.update(row.id, reason=None)  # kept ones are old now
            found["figures"].append(await _time_call(lambda: _build(service, row.id)))
        async with _experiments(settings) as service:
            found["opening"].append(await _time_call(lambda: _open(service, row.id)))
    return found


@asynccontextmanager
async def _experiments(settings: Settings) -> AsyncIterator[ExperimentService]:
    async with open_process(settings) as runs, open_experiments(runs) as service:
        yield service


async def _build(service: ExperimentService, id: str) -> None:
    document = await service.document(id, details=False)
    _require(document.figures.tally.total)


async def _open(service: ExperimentService, id: str) -> None:
    document = await service.document(id, details=False)
    _require(document.figures.tally.total)
    row = await service.get(id)
    rows = await service.storage.trials.select(id, limit=PAGE + 1)
    await describe_trials(service.storage, row, rows[:PAGE])


def _require(count: int) -> None:
    if count != 10_000:
        raise AssertionError("the experiment is another one than was measured before")


async def _fill(storage: Storage, folder: Path, settings: Settings) -> ExperimentRow:
    """An experiment of 10,000 trials that has ended, without its conversations."""
    (folder / "scenarios").mkdir()
    for nth in range(500):
        (folder / "scenarios" / f"s{nth}.yaml").write_text(SCENARIO, "utf-8")
    path = folder / "suite.yaml"
    path.write_text(SUITE, "utf-8")
    suite = load_suite(path, Project.open(settings, folder))
    row = replace(
        plan_experiment(suite), status="completed", ended_at="2026-11-21T03:20:40Z", exit_code=1
    )
    chance = random.Random(1)
    trials = [_end(trial, chance) for trial in plan_trials(suite)]
    await storage.experiments.add(row, trials)
    await asyncio.gather(
        *(storage.trials.change(row.id, one.number, _verdicts(one)) for one in trials)
    )
    return row


def _end(trial: TrialRow, chance: random.Random) -> TrialRow:
    passed = chance.random() < (0.95 if trial.bot == "16" else 0.7)
    return replace(
        trial,
        status="finished",
        outcome="passed" if passed else "failed",
        end_reason="max_turns",
        turns=10,
        started_at="2026-11-21T03:00:00Z",
        ended_at="2026-11-21T03:00:09Z",
        seconds=9.0,
        latencies=[round(200 + 50 * chance.random(), 1) for _ in range(10)],
        spending={"judge": {"input_tokens": 900, "output_tokens": 80, "cost_usd": 0.002}},
    )


def _verdicts(trial: TrialRow) -> list[VerdictRow]:
    failed = trial.outcome == "failed"
    facts: list[dict[str, Any]] = [
        {"id": "bot_says", "status": "pass", "evidence": [{"message": 3, "quote": "juice"}]},
        {"id": "no_repeats", "status": "fail" if failed else "pass", "reason": "10 lines"},
        {"id": "no_leftovers", "status": "pass", "reason": "nothing left over in 10 lines"},
    ]
    return [pack_verdict(Verdict.model_validate({"kind": "check", **one})) for one in facts]


async def _time_call(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000

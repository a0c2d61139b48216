"""Conversations of ten turns: of a suite (`--more suite,COUNT`), and bare (`--more bare,COUNT`).

Both are seeded alike and driven by one process, twenty at a time; bare ones are nobody's trials.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.load import Options, options, raise_file_limit, tell
from bench.processes import settings
from core.settings import Settings
from evaluation.cells import ResolvedSuite
from evaluation.experiments.service import ExperimentService, open_experiments
from evaluation.project import Project
from evaluation.resolve import load_suite
from graph.process import open_process
from graph.runs.service import RunService

AT_ONCE = 20
TURNS = 10
SCENARIO = f"""max_turns: {TURNS}
persona: learner
checks:
  - turns: {{at_least: 1}}
  - no_leftovers: bot
  - bot_never_says: "im đi"
"""


async def main(given: Options) -> None:
    kind, _, count = given.more.partition(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = Settings.from_env(settings(folder, given.llm, given.robot))
        warm, suite = (_load(folder, config, repeats) for repeats in (AT_ONCE, int(count)))
        async with open_process(config) as runs, open_experiments(runs) as service:
            has = _have_trials if kind == "suite" else _have_conversations
            await has(service, warm)  # what is made once is no part of a conversation
            spent, began = time.process_time(), time.perf_counter()
            await has(service, suite)
            facts = {"cpu_ms": 1000 * (time.process_time() - spent) / suite.count}
            facts |= {"seconds": time.perf_counter() - began, "trials": suite.count}
            tell(facts)


def _load(folder: Path, config: Settings, repeats: int) -> ResolvedSuite:
    (folder / "scenarios").mkdir(exist_ok=True)
    (folder / "scenarios" / "ten.yaml").write_text(SCENARIO, "utf-8")
    path = folder / "suite.yaml"
    path.write_text(
        f"name: ten\nscenarios: [scenarios/ten.yaml]\nbots: [16]\n"
        f"repeats: {repeats}\nconcurrency: {AT_ONCE}\ngate: {{pass_rate: 0.1}}\n",
        "utf-8",
    )
    return load_suite(path, Project.open(config, folder))


async def _have_trials(service: ExperimentService, suite: ResolvedSuite) -> None:
    row = await service.create(suite)
    await service.start(row.id)
    row = await service.wait(row.id)
    if row.exit_code != 0:
        raise RuntimeError(f"the suite ended with {row.exit_code}: {row.reason}")


async def _have_conversations(service: ExperimentService, suite: ResolvedSuite) -> None:
    seeds = iter([f"{key}" for key in suite.trials()])
    (scenario,) = suite.scenarios.values()

    async def one_after_another() -> None:
        for seed in seeds:
            played = scenario.play(persona="learner", bot_id=16)
            await _converse(service.runs, played.model_copy(update={"seed": seed}))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())


async def _converse(runs: RunService, scenario: Any) -> None:
    id = await runs.create(scenario)
    view = await runs.start(id, wait=True)
    while view.is_driven_here:
        await view.changes.watch()
    if (await runs.get(id)).turn != TURNS:
        raise RuntimeError("a conversation ended early")


if __name__ == "__main__":
    raise_file_limit(10_000)

    uvloop.run(main(options(__doc__ or "")))

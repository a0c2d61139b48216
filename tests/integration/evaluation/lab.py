"""A project folder with bots, scenarios and a suite, and the experiments of one process in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from core.settings import Settings
from evaluation.cells import ResolvedSuite
from evaluation.experiments.service import ExperimentService, open_experiments
from evaluation.project import Project
from evaluation.resolve import load_suite
from graph.process import open_process
from graph.storage.experiment_rows import ExperimentRow, TrialRow
from tests.servers.wait import wait_until

QUICK: dict[str, Any] = {
    "attempts": 2,
    "grace_s": 1.0,
}
GREETS: dict[str, Any] = {
    "name": "Greets",
    "user": "scripted",
    "lines": ["xin chào", "tạm biệt"],
    "max_turns": 2,
    "checks": [{"bot_says": {"re": "xin chào|Thầy"}}, {"turns": {"at_least": 2}}],
}


class Lab:
    """Opens the same project again and again, as processes do that start one after another."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.write("bots.yaml", {"bots": {"16": robot(url), "17": robot(url)}})
        self.scenario("greets", **GREETS)

    def write(self, name: str, data: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        return path

    def scenario(self, id: str, **facts: Any) -> None:
        self.write(f"scenarios/{id}.yaml", facts)

    def settings(self, **changes: Any) -> Settings:
        return Settings(
            database_url=f"sqlite:///{self.folder / 'duologue.db'}",
            bots=self.folder / "bots.yaml",
            personas=self.folder / "personas",
            **{**QUICK, **changes},
        )

    def suite(self, **facts: Any) -> ResolvedSuite:
        """The suite of all scenarios, for bot 16 unless `facts` say otherwise."""
        given = {"name": "Robot", "scenarios": ["scenarios/*.yaml"], "bots": ["16"], **facts}
        path = self.write("suites/robot.yaml", given)
        return load_suite(path, Project.open(self.settings(), self.folder))

    @asynccontextmanager
    async def open(self, **changes: Any) -> AsyncIterator[ExperimentService]:
        serving = changes.pop("serving", False)
        judges = {"judges": changes.pop("judges")} if "judges" in changes else {}
        async with (
            open_process(self.settings(**changes)) as runs,
            open_experiments(runs, root=self.folder, serving=serving, **judges) as service,
        ):
            yield service


def robot(url: str) -> dict[str, Any]:
    return {"kind": "webhook", "name": "robot", "preset": "robot-lesson", "base_url": url}


async def run(service: ExperimentService, suite: ResolvedSuite, **options: Any) -> ExperimentRow:
    """Runs the suite to its end."""
    row = await service.create(suite)
    await service.start(row.id, **options)
    return await service.wait(row.id)


async def outcomes(service: ExperimentService, id: str) -> list[str | None]:
    return [trial.outcome for trial in await service.storage.trials.select(id)]


async def trials(service: ExperimentService, id: str) -> list[TrialRow]:
    return await service.storage.trials.select(id)


async def wait_for_trials(service: ExperimentService, id: str, count: int) -> None:
    """Returns once that many trials have ended."""

    async def there() -> bool:
        return len(await service.storage.trials.select(id, status="finished")) >= count

    await wait_until(there, 120, what=f"{count} trials")

"""An experiment while this process runs it: trials begin, end and are stored, until it rests."""

import asyncio
import logging
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from core.errors import DuologueError, StorageError
from evaluation.cells import ResolvedSuite
from evaluation.conversations import Unfinished
from evaluation.experiments.schedule import Schedule
from evaluation.experiments.trial import TrialResult, TrialRunner
from graph.storage.experiment_rows import ExperimentRow, TrialRow
from graph.storage.opening import Storage

log = logging.getLogger("duologue.experiments")
LOOK_EVERY_S = 1.0
DECIDED = "decided early"
Halt = Literal["paused", "stopped", "interrupted", "left"]


@dataclass(slots=True)
class RemainingBudget:
    """What may still be spent. Where a cost is unknown, only the minutes are watched."""

    cost_usd: float | None = None
    minutes: float | None = None
    spent_usd: float = 0.0

    def find_excess(self, seconds: float) -> str | None:
        """Why the experiment has to pause, if it does."""
        if self.cost_usd is not None and self.spent_usd >= self.cost_usd:
            return f"budget: {self.spent_usd:.2f} of {self.cost_usd:g} USD are spent"
        if self.minutes is not None and seconds >= 60 * self.minutes:
            return f"budget: it ran for {seconds / 60:.1f} of {self.minutes:g} minutes"
        return None


@dataclass(slots=True)
class Progress:
    """Where it stands, told to whoever watches."""

    running: int = 0
    changed: list["asyncio.Future[None]"] = field(default_factory=list)

    def wake(self) -> None:
        waiting, self.changed = self.changed, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class ExperimentRun:
    """One run of an experiment. `halt` ends it early; the first reason wins."""

    def __init__(
        self,
        row: ExperimentRow,
        suite: ResolvedSuite,
        trials: list[TrialRow],
        storage: Storage,
        runner: TrialRunner,
        *,
        budget: RemainingBudget,
        fail_fast: bool = False,
    ) -> None:
        self.row, self.suite = row, suite
        self.decided = False
        self.progress = Progress()
        self.halted: tuple[Halt, str] | None = None
        self._storage, self.runner, self._budget = storage, runner, budget
        self._fail_fast = fail_fast
        plans = {cell.key: cell.repeats for cell in suite.cells}
        self._schedule = Schedule(plans, trials)
        self._running: dict[int, TrialRow] = {}
        self._moved = asyncio.Event()
        told: dict[str, str] = (row.judge or {}).get("versions", {})
        self._versions = {bot: versions.split(", ") for bot, versions in told.items()}
        self._began = monotonic()

    @property
    def seconds(self) -> float:
        """How long the experiment has run, in all its runs."""
        return self.row.seconds + monotonic() - self._began

    def halt(self, how: Halt, why: str) -> None:
        """Begins no further trial. `paused` lets those under way end, the others do not."""
        if self.halted is None:
            self.halted = (how, why)
            self._moved.set()

    async def run(self) -> None:
        """Until all trials have ended, or it was halted and those under way are over."""
        needless = [trial.number for trial in self._schedule.drop_decided()]
        if needless:
            await self._storage.trials.skip(self.row.id, needless, DECIDED)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look(), name=f"look {self.row.id}")
            stopping: asyncio.Task[None] | None = None
            while True:
                self._moved.clear()
                self._launch(tasks)
                if self.halted and self.halted[0] == "stopped" and stopping is None:
                    stopping = tasks.create_task(self._stop_trials(), name=f"stop {self.row.id}")
                if not self._running:
                    break
                await self._moved.wait()
            looking.cancel()

    def _launch(self, tasks: asyncio.TaskGroup) -> None:
        most = self.suite.suite.concurrency
        while self.halted is None and len(self._running) < most:
            trial = self._schedule.take()
            if trial is None:
                break
            self._running[trial.number] = trial
            tasks.create_task(self._run_trial(trial), name=f"trial {trial.number}")
        self.progress.running = len(self._running)

    async def _run_trial(self, trial: TrialRow) -> None:
        began = monotonic()
        outcome: str | None = None
        try:
            result = await self.runner.run(trial)
            if not (result.skipped and self.halted):
                await self._store(trial, result, monotonic() - began)
                outcome = result.outcome
        except Unfinished:
            self.halt("left", "the process stops")
        except StorageError as error:
            self.halt("interrupted", error.message)
        except DuologueError as error:  # another process has it now
            self.halt("left", error.message)
        finally:
            await self._note_end(trial, outcome)

    async def _note_version(self, bot: str, version: str) -> None:
        """What a bot told of itself; where it told several versions, all of them."""
        known = self._versions.setdefault(bot, [])
        if version in known:
            return
        known.append(version)
        row = await self._storage.experiments.get(self.row.id)
        told = {id: ", ".join(sorted(some)) for id, some in self._versions.items()}
        await self._storage.experiments.update(
            self.row.id, judge={**(row.judge or {}), "versions": told}
        )

    async def _store(self, trial: TrialRow, result: TrialResult, seconds: float) -> None:
        await self._storage.trials.change(
            self.row.id,
            trial.number,
            result.verdicts,
            owner=self.row.owner,
            **result.columns(seconds),
        )
        if result.bot_version is not None:
            await self._note_version(trial.bot, result.bot_version)
        for spent in result.spending.values():
            self._budget.spent_usd += spent.cost_usd or 0.0
        if self._fail_fast and result.outcome == "failed":
            self.halt("stopped", "a trial failed, and that was enough")
            self.decided = self.halted == ("stopped", "a trial failed, and that was enough")

    async def _note_end(self, trial: TrialRow, outcome: str | None) -> None:
        del self._running[trial.number]
        needless = self._schedule.finish(trial, outcome)
        if needless and self.halted is None:
            numbers = [one.number for one in needless]
            await self._storage.trials.skip(self.row.id, numbers, DECIDED)
        if why := self._budget.find_excess(self.seconds):
            self.halt("paused", why)
        self.progress.running = len(self._running)
        self._moved.set()
        self.progress.wake()

    async def _look(self) -> None:
        """What only time or another process changes: the budget of minutes, and requests."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if why := self._budget.find_excess(self.seconds):
                self.halt("paused", why)
            try:
                row = await self._storage.experiments.get(self.row.id)
            except DuologueError:
                continue
            if row.wanted == "pause":
                self.halt("paused", "on request")
            elif row.wanted == "stop":
                self.halt("stopped", "on request")
            elif row.owner != self.row.owner:
                self.halt("left", "another process runs it")
            self.progress.wake()

    async def _stop_trials(self) -> None:
        """Ends the conversations under way; each begins again if the experiment is resumed."""
        for trial in list(self._running.values()):
            row = await self._storage.trials.select(self.row.id, after=trial.number - 1, limit=1)
            if row and row[0].conversation_id:
                await self.runner.stop(row[0].conversation_id)

    async def close(self) -> None:
        """Ends what the checks needed."""
        await self.runner.close()

    def list_unfinished(self) -> list[TrialRow]:
        """All that have not ended."""
        return [*self._running.values(), *self._schedule.waiting()]


def read_budget(row: ExperimentRow, suite: ResolvedSuite) -> RemainingBudget:
    """The budget as it was set last: when the experiment was resumed, else by the suite."""
    asked = suite.suite.budget
    given = row.budget or (asked.model_dump() if asked else {})
    return RemainingBudget(given.get("cost_usd"), given.get("minutes"))


def sum_costs(trials: list[TrialRow]) -> float:
    """What the trials cost, as far as it is known."""
    return sum(
        spent.get("cost_usd") or 0.0 for trial in trials for spent in trial.spending.values()
    )

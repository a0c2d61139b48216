"""The experiments of this process: who runs them, one run at a time, and what is asked of them.

An experiment belongs to the process like a run does, and not to a connection; where its process
dies another one takes it over.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from core.errors import Busy, Conflict, DuologueError, Forbidden, Invalid, NotFound, Stopping
from core.failures import contain, or_else, task_group
from core.message import now
from evaluation.cells import ResolvedSuite
from evaluation.checks.python import PythonRunner
from evaluation.experiments.assess import Assessor, JudgeFactory, find_models, make_judge
from evaluation.experiments.document_cache import DocumentCache
from evaluation.experiments.drive import ExperimentRun, RemainingBudget, read_budget, sum_costs
from evaluation.experiments.labels import update_outcome
from evaluation.experiments.plan import key_of, plan_experiment, plan_trials, read_suite
from evaluation.experiments.trial import TrialRunner
from evaluation.experiments.trial_records import describe_trials
from evaluation.prices import read_prices
from evaluation.results import ExperimentDocument, TrialRecord
from graph.runs.service import RunService
from graph.storage.experiment_rows import ExperimentRow, TrialRow

log = logging.getLogger("duologue.experiments")
SWEEP_S = 5.0
MOST_TAKEOVERS = 3


class ExperimentService:
    """The experiments. Every method that takes an id raises `NotFound` for an unknown one."""

    def __init__(
        self,
        runs: RunService,
        tasks: asyncio.TaskGroup,
        *,
        root: Path = Path(),
        judges: JudgeFactory = make_judge,
    ) -> None:
        self.runs, self.storage = runs, runs.storage
        self._tasks, self._root, self._judges = tasks, root, judges
        self._running: dict[str, ExperimentRun | None] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._stopping = False
        self._leave_running = True
        self._documents = DocumentCache(self.storage, runs.messages, self.get)

    # --- what there is ----------------------------------------------------------------------

    async def create(
        self,
        suite: ResolvedSuite,
        name: str | None = None,
        *,
        only: str | None = None,
        client_id: str | None = None,
        key: str | None = None,
        body: str = "",
    ) -> ExperimentRow:
        """Stores an experiment with all its trials, or with the one that `only` names.

        A `key` that came before with the same body gives the experiment that it made then. Raises
        `Invalid` where a trial cannot be played and where there is no such baseline, `KeyReused`.
        """
        if self._stopping:
            raise Stopping("the server is stopping")
        self._must_be_playable(suite)
        base = await self._find_baseline(suite, client_id)
        judge = {"baseline": base.id} if base is not None else None
        trials = [one for one in plan_trials(suite) if only in (None, str(key_of(one)))]
        row = plan_experiment(suite, name)
        row = replace(row, judge=judge, client_id=client_id, total=len(trials))
        id = await self.storage.experiments.add(row, trials, key, body)
        return row if id == row.id else await self.get(id)

    def _must_be_playable(self, suite: ResolvedSuite) -> None:
        for cell in suite.cells:
            scenario = suite.scenarios[cell.scenario]
            bot = int(cell.bot) if cell.bot.isdecimal() else cell.bot
            self.runs.speakers.check(scenario.play(persona=None, bot_id=bot))

    async def _find_baseline(
        self, suite: ResolvedSuite, client_id: str | None
    ) -> ExperimentRow | None:
        """A first run has nothing to be compared with, so no `last-green` is no mistake.

        The figures of a client are compared with that client's alone.
        """
        if suite.suite.baseline is None:
            return None
        wanted, stored = suite.suite.baseline.experiment, self.storage.experiments
        own = None if client_id is None else [client_id]
        if wanted == "last-green":
            return await stored.find_last_good(suite.suite.name, own)
        try:
            return await stored.find(wanted, suite.suite.name, own)
        except NotFound:
            raise Invalid(
                f"there is no experiment {wanted!r} to compare with", "baseline"
            ) from None

    async def get(self, id: str) -> ExperimentRow:
        """How it stands; one whose process died is `interrupted` until another takes it over."""
        return self.with_live_status(await self.storage.experiments.get(id))

    def with_live_status(self, row: ExperimentRow) -> ExperimentRow:
        """The row with what is known better here: how long it runs, and whether anybody runs it."""
        run = self._running.get(row.id)
        if run is not None:  # also while its ending is worked out
            return replace(row, status="running", reason=None, seconds=run.seconds)
        if row.status == "running" and not (row.owner and self.storage.owner.is_alive(row.owner)):
            return replace(row, status="interrupted", reason="its process ended")
        return row

    async def read_trial(self, id: str, number: int) -> TrialRecord:
        """One trial with its verdicts. Raises `NotFound`."""
        row = await self.get(id)
        found = await self.storage.trials.select(id, after=number - 1, limit=1)
        if not found or found[0].number != number:
            raise NotFound("the experiment has no such trial")
        (trial,) = await describe_trials(self.storage, row, found)
        return trial

    async def document(
        self, id: str, *, details: bool = True, lines: bool = False
    ) -> ExperimentDocument:
        """Everything that was found; with details and `lines` the transcripts of what failed."""
        return await self._documents.read(await self.get(id), details=details, lines=lines)

    async def require_own(self, id: str, clients: Sequence[str]) -> ExperimentRow:
        """How it stands. Raises `Forbidden` unless it is one of theirs; "" means nobody's."""
        row = await self.get(id)
        if (row.client_id or "") not in clients:
            raise Forbidden("the experiment belongs to another client")
        return row

    # --- what is asked of them --------------------------------------------------------------

    async def start(
        self,
        id: str,
        *,
        takeover: bool = False,
        fail_fast: bool = False,
        budget: RemainingBudget | None = None,
    ) -> ExperimentRow:
        """Runs what has not ended. Raises `Busy` where a living process runs it, and `Stopping`."""
        self._reserve(id)
        run = None
        try:
            if budget is not None:
                new = {"cost_usd": budget.cost_usd, "minutes": budget.minutes}
                await self.storage.experiments.update(id, budget=new)
            owner = self.storage.owner
            row = await self.storage.experiments.claim(
                id, owner.id, self._other_lives, takeover=takeover
            )
            run = await self._prepare(row, fail_fast=fail_fast)
        finally:
            if run is None:
                self._running.pop(id, None)
                self._ended.pop(id).set()
        self._running[id] = run
        self._tasks.create_task(self._execute(run), name=f"experiment {id}")
        return row

    async def pause(self, id: str) -> None:
        """Begins no further trial; those under way end. Raises `Conflict` where it does not run."""
        await self._ask(id, "pause")

    async def stop(self, id: str) -> None:
        """Ends the trials under way too; stopping twice is stopping once."""
        row = await self.get(id)
        if row.status in ("stopped", "completed"):
            return
        if row.status == "running":
            await self._ask(id, "stop")
            return
        await self._skip_rest(id, "stopped")
        await self.storage.experiments.update(id, status="stopped", reason="on request", owner=None)

    async def _ask(self, id: str, wanted: str) -> None:
        row = await self.get(id)
        if row.status != "running":
            raise Conflict(f"the experiment is {row.status}, not running")
        run = self._running.get(id)
        if run is None:
            await self.storage.experiments.update(id, wanted=wanted)
        elif wanted == "pause":
            run.halt("paused", "on request")
        else:
            run.halt("stopped", "on request")

    async def wait(self, id: str) -> ExperimentRow:
        """How it stands once this process does not run it any more."""
        ended = self._ended.get(id)
        if ended is not None:
            await ended.wait()
        return await self.get(id)

    @property
    def is_stopping(self) -> bool:
        """Whether this process begins nothing more."""
        return self._stopping

    def find_run(self, id: str) -> ExperimentRun | None:
        """Its run, where this process runs it."""
        return self._running.get(id)

    async def require_rest(self, id: str) -> ExperimentRow:
        """How it stands. Raises `Busy` where it runs."""
        row = await self.get(id)
        if row.status == "running" or id in self._running:
            raise Busy("the experiment is running", experiment_id=id)
        return row

    # --- inside -----------------------------------------------------------------------------

    def _reserve(self, id: str) -> None:
        """Nothing is awaited between check and entry: two starts at once cannot both pass."""
        if self._stopping:
            raise Stopping("the server is stopping")
        if id in self._running:
            raise Busy("the experiment is running", experiment_id=id)
        self._running[id] = None
        self._ended[id] = asyncio.Event()

    def _other_lives(self, owner: str) -> bool:
        return owner != self.storage.owner.id and self.storage.owner.is_alive(owner)

    async def _prepare(self, row: ExperimentRow, *, fail_fast: bool) -> ExperimentRun:
        suite = read_suite(row.plan)
        trials = await self.storage.trials.select(row.id)
        prices = read_prices(self._root / "prices.yaml")
        python = PythonRunner(self._root)
        judges = self._judges(suite, self.runs.settings, prices) if suite.judges else None
        models = find_models(suite, self.runs.settings)
        assessor = Assessor(suite, prices, models, python, judges)
        return ExperimentRun(
            row,
            suite,
            trials,
            self.storage,
            TrialRunner(self.runs, row, suite, assessor),
            budget=self._read_budget(row, suite, trials),
            fail_fast=fail_fast,
        )

    def _read_budget(
        self, row: ExperimentRow, suite: ResolvedSuite, trials: Sequence[TrialRow]
    ) -> RemainingBudget:
        """After a takeover it goes on where it was; who resumes grants it anew."""
        budget = read_budget(row, suite)
        if row.takeovers:
            budget.spent_usd = sum_costs(list(trials))
        return budget

    async def _execute(self, run: ExperimentRun) -> None:
        try:
            await or_else(self._judge_and_run(run), partial(_halt_broken, run))
        finally:
            await asyncio.shield(self._finish(run))

    async def _judge_and_run(self, run: ExperimentRun) -> None:
        await self._try_judge(run)
        await run.run()

    async def _try_judge(self, run: ExperimentRun) -> None:
        """A judge that could not fail anything is found out before it judges."""
        answer = await run.runner.try_judge()
        if answer is not None:
            row = await self.storage.experiments.get(run.row.id)
            await self.storage.experiments.update(
                row.id, judge={**(row.judge or {}), "canary": answer}
            )

    async def _finish(self, run: ExperimentRun) -> None:
        id = run.row.id
        try:
            with contain(log, "ending not stored", experiment_id=id):
                await run.close()
                await self._write_ending(run)
        except DuologueError as error:
            log.error("ending not stored", extra={"experiment_id": id, "why": error.message})  # noqa: TRY400 - the message says it
        finally:
            # Nothing is awaited here: a start that comes now finds either this run or none.
            self._running.pop(id, None)
            self._ended.pop(id).set()
            run.progress.wake()

    async def _write_ending(self, run: ExperimentRun) -> None:
        id = run.row.id
        how, why = run.halted or ("completed", None)
        if how == "left" and self._leave_running:
            await self.storage.experiments.update(id, seconds=run.seconds)
            return
        if how == "stopped":
            await self._skip_rest(id, "decided early" if run.decided else "stopped")
        status = {"left": "interrupted"}.get(how, how)
        if run.decided:
            status = "completed"
        for label in await self.storage.labels.select(experiment_id=id):
            await update_outcome(self.storage, label.conversation_id)
        ending: dict[str, Any] = {
            "status": status,
            "reason": why,
            "seconds": run.seconds,
            "ended_at": now(),
            "owner": None,
            "wanted": None,
        }
        row = replace(await self.storage.experiments.get(id), exit_code=None, **ending)
        document = await self._documents.build(row, details=False)
        ending["exit_code"] = document.experiment.exit_code
        await self.storage.experiments.update(id, **ending)
        await self._documents.keep(await self.storage.experiments.get(id), document)

    async def _skip_rest(self, id: str, why: str) -> None:
        rows = await self.storage.trials.select(id)
        rest = [row.number for row in rows if row.status != "finished"]
        await self.storage.trials.skip(id, rest, why)

    # --- the process's life -----------------------------------------------------------------

    async def recover(self) -> None:
        """Takes over what dead processes left; one that brings its process down is left alone."""
        for row in await self.storage.experiments.list_orphans(self.storage.owner.is_alive):
            if row.id in self._running:
                continue
            if row.takeovers >= MOST_TAKEOVERS or not self.runs.settings.resume_on_start:
                why = "its process ended"
                if row.takeovers >= MOST_TAKEOVERS:
                    why = f"it brought its process down {row.takeovers} times"
                await self.storage.experiments.update(
                    row.id, status="interrupted", reason=why, owner=None
                )
                continue
            try:
                await self.start(row.id, takeover=True)
            except DuologueError as error:
                facts = {"experiment_id": row.id, "why": error.message}
                log.info("not taken over", extra=facts)

    async def sweep(self) -> None:
        """Takes over, again and again, what dies while this process lives."""
        while not self._stopping:
            try:
                await self.recover()
            except DuologueError as error:
                log.warning("no sweep", extra={"why": error.message})
            await asyncio.sleep(SWEEP_S)

    def drain(self, *, leave_running: bool = True) -> None:
        """Starts nothing new. What runs stays to be taken over, or is interrupted."""
        self._stopping = True
        self._leave_running = leave_running
        for run in self._running.values():
            if run is not None:
                run.halt("left", "the process was asked to end")
                run.progress.wake()


def _halt_broken(run: ExperimentRun, error: Exception) -> None:
    incident = uuid4().hex[:12]
    facts = {"experiment_id": run.row.id, "incident": incident}
    log.error("experiment broke", exc_info=error, extra=facts)
    run.halt("interrupted", f"an internal error, incident {incident}: {error}")


@asynccontextmanager
async def open_experiments(
    runs: RunService,
    *,
    root: Path = Path(),
    judges: JudgeFactory = make_judge,
    serving: bool = False,
) -> AsyncIterator[ExperimentService]:
    """The experiments of this process. A server takes over what dies; a command leaves behind what
    it was told to leave as `interrupted`. Leaving drains the runs: they are over before this is.
    """
    async with task_group() as tasks:
        service = ExperimentService(runs, tasks, root=root, judges=judges)
        sweeping = tasks.create_task(service.sweep(), name="sweep") if serving else None
        try:
            yield service
        finally:
            service.drain(leave_running=serving)
            if sweeping is not None:
                sweeping.cancel()
            await runs.drain(runs.settings.grace_s)

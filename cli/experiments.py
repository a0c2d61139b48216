"""`duologue test` and what goes on with an experiment: driven and shown by this process."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cli.experiment_output import ExperimentOutput, choose_output
from cli.report_files import TrialLog, check_files, write_reports
from cli.signals import on_signal
from core.errors import Invalid
from core.settings import Settings
from evaluation.cells import ResolvedSuite
from evaluation.experiments import changes
from evaluation.experiments.assess import make_judge
from evaluation.experiments.drive import RemainingBudget
from evaluation.experiments.events import follow
from evaluation.experiments.service import ExperimentService, open_experiments
from evaluation.project import Project
from evaluation.resolve import Selection, load_file, resolve_all
from evaluation.suite_info import BaselineInfo
from evaluation.suites import Budget as SuiteBudget
from graph.process import open_process
from graph.storage.experiment_rows import ExperimentRow

WORST_FIRST = (2, 3, 1, 4, 0)


def test(options: Namespace, settings: Settings) -> int:
    """Runs each suite, one after the other. Raises `ConfigError`, `Invalid`."""
    if options.resume and options.suites:
        raise Invalid("goes on with an experiment, which has its suite already", "resume")
    check_files(options)
    if options.api:
        from cli.remote_experiments import test_at_server  # a client is not needed otherwise

        return asyncio.run(test_at_server(options))
    suites = [] if options.resume else resolve_suites(options, settings)
    if options.dry_run:
        return choose_output(options).plan(suites)
    return asyncio.run(_test(suites, options, settings))


def resolve_suites(options: Namespace, settings: Settings) -> list[ResolvedSuite]:
    """What was asked for, narrowed to what was selected."""
    project = Project.open(settings)
    only = Selection(
        bots=options.bot,
        personas=options.persona,
        tags=options.tag,
        text=options.text,
        repeats=options.repeats,
    )
    paths = [Path(name) for name in options.suites]
    found = [load_file(path, project, only) for path in paths] or [resolve_all(project, only)]
    return [_apply_options(suite, options) for suite in found]


def _apply_options(suite: ResolvedSuite, options: Namespace) -> ResolvedSuite:
    asked = suite.suite
    changed: dict[str, object] = {}
    if options.max_cost is not None:
        minutes = asked.budget.minutes if asked.budget else None
        changed["budget"] = SuiteBudget(cost_usd=options.max_cost, minutes=minutes)
    if options.baseline:
        margin = asked.baseline.margin if asked.baseline else 0.05
        changed["baseline"] = BaselineInfo(experiment=options.baseline, margin=margin)
    if options.concurrency:
        changed["concurrency"] = options.concurrency
    suite = suite.model_copy(update={"suite": asked.model_copy(update=changed)})
    return pick_trial(suite, options.trial) if options.trial else suite


def pick_trial(suite: ResolvedSuite, key: str) -> ResolvedSuite:
    """The suite with the cell of one trial alone, without a gate. Raises `Invalid`."""
    cell = next((one for one in suite.cells if key.startswith(f"{one.key}#")), None)
    if cell is None or not any(str(trial) == key for trial in suite.trials()):
        known = ", ".join(str(one.key) for one in suite.cells[:5])
        raise Invalid(f"there is no trial {key}; cells are {known} …", "trial")
    asked = suite.suite.model_copy(update={"gate": None, "baseline": None})
    repeat = int(key.rpartition("#")[2])
    only = cell.model_copy(update={"repeats": repeat})
    return suite.model_copy(update={"suite": asked, "cells": [only]})


# --- running --------------------------------------------------------------------------------------


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[ExperimentService]:
    """The experiments of this process; what dead processes left is only told of."""
    async with (
        open_process(settings) as runs,
        open_experiments(runs, judges=make_judge) as service,
    ):
        yield service


async def _test(suites: Sequence[ResolvedSuite], options: Namespace, settings: Settings) -> int:
    interrupted = asyncio.Event()
    codes = []
    with on_signal(interrupted.set):
        async with open_service(settings) as service:
            begun = [await _begin(service, suite, options) for suite in suites]
            if options.resume:
                begun = [await _continue(service, options)]
            for row in begun:
                codes.append(await run_shown(service, row, options, interrupted))
                if interrupted.is_set():
                    break
    return next(code for code in WORST_FIRST if code in codes)


async def _begin(
    service: ExperimentService, suite: ResolvedSuite, options: Namespace
) -> ExperimentRow:
    if not options.retry:
        only = options.trial
        return await service.create(suite, options.name, only=only)
    rows, _more = await service.storage.experiments.list_page(1, suite=suite.suite.name)
    if not rows:
        raise Invalid(f"the suite {suite.suite.name} has no experiment yet", "retry")
    return await changes.reopen(service, rows[0].id, options.retry)


async def _continue(service: ExperimentService, options: Namespace) -> ExperimentRow:
    row = await service.storage.experiments.find(options.resume)
    if options.retry:
        return await changes.reopen(service, row.id, options.retry)
    return await changes.prepare_resume(service, row.id)


async def run_shown(
    service: ExperimentService,
    row: ExperimentRow,
    options: Namespace,
    interrupted: asyncio.Event,
) -> int:
    """Runs what is left of an experiment and shows it. Gives its exit code."""
    out = choose_output(options)
    row = await service.get(row.id)
    counts = await service.storage.trials.counts(row.id)
    if counts.get("pending") or counts.get("running"):
        cost = getattr(options, "max_cost", None) if getattr(options, "resume", None) else None
        budget = None if cost is None else RemainingBudget(cost_usd=cost)
        fail_fast = getattr(options, "fail_fast", False)
        await service.start(row.id, fail_fast=fail_fast, budget=budget)
    async with asyncio.TaskGroup() as tasks:
        stopper = tasks.create_task(_interrupt(service, interrupted))
        await _show(service, row, out, options)
        stopper.cancel()
    row = await service.wait(row.id)
    document = await service.document(row.id, lines=True)
    written = write_reports(document.model_dump(mode="json"), options)
    out.show_closing(document, written)
    code = document.experiment.exit_code
    return 3 if code is None else code


async def _show(
    service: ExperimentService, row: ExperimentRow, out: ExperimentOutput, options: Namespace
) -> None:
    after = row.revision
    with out, TrialLog(service.read_trial, row.id, options) as lines:
        out.show_opening(row)
        async for event in follow(service, row.id, after):
            out.event(event)
            await lines.add(event)


async def _interrupt(service: ExperimentService, interrupted: asyncio.Event) -> None:
    await interrupted.wait()
    service.drain(leave_running=False)
    await service.runs.drain(service.runs.settings.grace_s)


def judge(options: Namespace, settings: Settings) -> int:
    """`duologue judge E`: every conversation is checked and judged once more."""
    check_files(options)
    return asyncio.run(_judge(options, settings))


async def _judge(options: Namespace, settings: Settings) -> int:
    interrupted = asyncio.Event()
    with on_signal(interrupted.set):
        async with open_service(settings) as service:
            row = await service.storage.experiments.find(options.experiment)
            row = await changes.reopen_all(service, row.id)
            return await run_shown(service, row, options, interrupted)

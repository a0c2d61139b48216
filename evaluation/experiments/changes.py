"""What can be asked of an experiment that rests: go on, try again, judge again, more, or away."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from core.errors import Conflict, Invalid, NotFound
from evaluation.cells import Cell
from evaluation.experiments.drive import RemainingBudget
from evaluation.experiments.plan import pack_suite, plan_more_trials, read_suite
from evaluation.experiments.service import ExperimentService
from evaluation.experiments.trial_records import read_user
from evaluation.suite_info import AutoRepeats
from graph.storage.experiment_rows import ExperimentRow, TrialRow

DELETED_AT_ONCE = 20
RETRIES = ("broken", "failed", "unjudged")
_ASSESSED = ("passed", "failed", "unjudged")


async def resume(
    service: ExperimentService, id: str, budget: RemainingBudget | None = None
) -> ExperimentRow:
    """Goes on with what has not ended and with what was stopped; its budget counts anew.

    Raises `Busy`.
    """
    row = await prepare_resume(service, id)
    return row if row.status == "completed" else await service.start(id, budget=budget)


async def prepare_resume(service: ExperimentService, id: str) -> ExperimentRow:
    """What was stopped is pending again. Raises `Busy`."""
    row = await service.require_rest(id)
    skipped = await service.storage.trials.select(id, outcome="skipped")
    stopped = [trial.number for trial in skipped if trial.skipped == "stopped"]
    if stopped:
        await service.storage.trials.reset(id, stopped)
    return row


async def retry(service: ExperimentService, id: str, outcome: str) -> ExperimentRow:
    """Has the trials of that outcome again; `unjudged` ones are only judged again.

    Raises `Invalid` for another outcome, `Conflict` where there is none, and `Busy`.
    """
    await reopen(service, id, outcome)
    return await service.start(id)


async def reopen(service: ExperimentService, id: str, outcome: str) -> ExperimentRow:
    """The trials of that outcome are to run, or only to be judged. Raises as `retry`."""
    if outcome not in RETRIES:
        raise Invalid(f"only {', '.join(RETRIES)} can be tried again", "outcome")
    row = await service.require_rest(id)
    rows = await service.storage.trials.select(id, outcome=outcome)
    if not rows:
        raise Conflict(f"no trial of the experiment is {outcome}")
    numbers = [row.number for row in rows]
    if outcome == "unjudged":
        await service.storage.trials.reopen(id, numbers)
    else:
        await service.storage.trials.reset(id, numbers)
    return row


async def rejudge(service: ExperimentService, id: str) -> ExperimentRow:
    """Checks and judges every conversation once more; nobody is called but the judge.

    Raises `Conflict` where there is none, and `Busy`.
    """
    await reopen_all(service, id)
    return await service.start(id)


async def reopen_all(service: ExperimentService, id: str) -> ExperimentRow:
    """Every conversation is to be judged. Raises as `rejudge`."""
    row = await service.require_rest(id)
    rows = await service.storage.trials.select(id, status="finished")
    held = [row.number for row in rows if row.outcome in _ASSESSED]
    if not held:
        raise Conflict("no trial of the experiment can be judged")
    await service.storage.trials.reopen(id, held)
    return row


async def extend(service: ExperimentService, id: str, repeats: int) -> ExperimentRow:
    """Adds repeats to every cell that has a number of them, and runs them.

    Raises `Conflict` where all are decided by the sequential test, and `Busy`.
    """
    row = await service.require_rest(id)
    suite = read_suite(row.plan)
    cells = [cell for cell in suite.cells if not isinstance(cell.repeats, AutoRepeats)]
    if not cells:
        raise Conflict("its repeats are decided by a sequential test, which is not extended")
    trials = plan_more_trials(cells, await service.storage.trials.select(id), repeats)
    wider = suite.model_copy(update={"cells": [_widen(cell, repeats) for cell in suite.cells]})
    await service.storage.trials.add(id, trials, pack_suite(wider))
    return await service.start(id)


def _widen(cell: Cell, more: int) -> Cell:
    if isinstance(cell.repeats, AutoRepeats):
        return cell
    return cell.model_copy(update={"repeats": cell.repeats + more})


async def delete(service: ExperimentService, id: str) -> None:
    """Everything of it is gone, its conversations too. Raises `Busy` where it runs."""
    await service.require_rest(id)
    ids = [one for trial in await service.storage.trials.select(id) for one in _list_talks(trial)]
    for start in range(0, len(ids), DELETED_AT_ONCE):  # they share a commit
        some = ids[start : start + DELETED_AT_ONCE]
        await asyncio.gather(*(_delete_conversation(service, one) for one in some))
    await service.storage.experiments.delete(id)


def _list_talks(trial: TrialRow) -> Iterator[str]:
    """The trial's conversation, and its replay with another user model."""
    replay = read_user(trial).get("second_opinion")
    for id in (trial.conversation_id, replay and replay.conversation_id):
        if id:
            yield id


async def _delete_conversation(service: ExperimentService, id: str) -> None:
    with suppress(NotFound):
        await service.runs.delete(id)

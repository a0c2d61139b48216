"""What happens to an experiment, as events that can be taken up again: `trial`, `progress`, `done`.

An event's id is the experiment's revision, a position in what is on disk: there is no second truth,
and whoever asks from an id on gets what came after it, from any process, also after a kill.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.experiments.drive import sum_costs
from evaluation.experiments.service import ExperimentService
from evaluation.experiments.trial_records import describe_trial
from graph.storage.experiment_rows import ExperimentRow

EventName = Literal["trial", "progress", "done"]
POLL_S = 0.5
AT_MOST_EVERY_S = 0.1
_ENDED = ("passed", "failed", "unjudged", "broken", "skipped")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `data` is a JSON object."""

    event: EventName
    data: dict[str, Any]
    id: int


async def follow(
    service: ExperimentService, id: str, after: int | None = None
) -> AsyncIterator[Event]:
    """What changed behind the revision `after`, then what comes, up to `done`.

    A trial that changed twice in between is told as it stands. Without `after` all that has begun.
    Raises `NotFound`.
    """
    row = await service.get(id)
    file = row.plan.get("file")
    seen = after or 0
    costs = {trial.number: sum_costs([trial]) for trial in await service.storage.trials.select(id)}
    while True:
        row = await service.get(id)
        for trial in await service.storage.trials.select(id, since=seen):
            costs[trial.number] = sum_costs([trial])
            seen = max(seen, trial.revision)
            data = describe_trial(id, file, trial).model_dump(mode="json", exclude_none=True)
            yield Event("trial", data, trial.revision)
        counts = await service.storage.trials.counts(id)
        seen = max(seen, row.revision)
        yield Event("progress", describe_progress(row, counts, sum(costs.values())), seen)
        if row.status not in ("created", "running") and row.revision == seen:
            if await _is_over(service, id, seen):
                yield Event("done", describe_end(row), seen)
                return
            continue
        if service.is_stopping:
            return
        await _wait_for_change(service, id)


async def _is_over(service: ExperimentService, id: str, seen: int) -> bool:
    row = await service.storage.experiments.get(id)
    return row.revision == seen and service.find_run(id) is None


async def _wait_for_change(service: ExperimentService, id: str) -> None:
    run = service.find_run(id)
    if run is None:
        await asyncio.sleep(POLL_S)
        return
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    run.progress.changed.append(future)
    await asyncio.wait([future], timeout=POLL_S)
    await asyncio.sleep(AT_MOST_EVERY_S)


def describe_progress(
    row: ExperimentRow, counts: Mapping[str, int], cost_usd: float
) -> dict[str, Any]:
    """How far it is. `rate` is passed of judged, `seconds_left` about how long it will take."""
    tally = {name: counts.get(name, 0) for name in (*_ENDED, "running", "pending")}
    judged = tally["passed"] + tally["failed"]
    ended = sum(tally[name] for name in _ENDED)
    left = row.total - ended
    return {
        "experiment_id": row.id,
        "status": row.status,
        "reason": row.reason,
        "total": row.total,
        "finished": ended,
        **tally,
        "rate": round(tally["passed"] / judged, 4) if judged else None,
        "cost_usd": round(cost_usd, 6),
        "seconds": round(row.seconds, 1),
        "seconds_left": round(row.seconds / ended * left, 1) if ended else None,
    }


def describe_end(row: ExperimentRow) -> dict[str, Any]:
    return {
        "experiment_id": row.id,
        "status": row.status,
        "reason": row.reason,
        "exit_code": row.exit_code,
    }

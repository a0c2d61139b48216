"""The shrinks of this process: one at a time of each conversation, for as long as it lives.

What was replayed is on disk. So a shrink that was stopped, or whose process died, is begun again
and goes on from there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.errors import Busy, Conflict, DuologueError, NotFound, Stopping
from core.failures import or_else, task_group
from evaluation.shrink.describe import describe_plan, describe_shrink
from evaluation.shrink.failure import find_failure
from evaluation.shrink.shrinking import MAX_CALLS, Shrinking, ShrinkResult
from graph.runs.service import RunService

log = logging.getLogger("duologue.shrink")
MOST_JOBS = 100
"""So many are remembered; the oldest that ended is forgotten first."""


@dataclass(slots=True)
class Job:
    """A shrink with what came of it."""

    shrinking: Shrinking
    task: asyncio.Task[None] | None = None
    result: ShrinkResult | None = None
    error: str | None = None

    @property
    def is_running(self) -> bool:
        return self.task is not None and not self.task.done()


class ShrinkService:
    """Begins, stops and describes shrinks."""

    def __init__(self, runs: RunService, tasks: asyncio.TaskGroup) -> None:
        self._runs, self._tasks = runs, tasks
        self._jobs: dict[str, Job] = {}
        self._stopping = False

    async def plan(
        self, id: str, check: str | None, client_id: str | None, max_calls: int = MAX_CALLS
    ) -> Shrinking:
        """What it would take. Raises as `find_failure`."""
        failure = await find_failure(self._runs, id, check, client_id)
        return Shrinking(self._runs, failure, max_calls=max_calls)

    def start(self, shrinking: Shrinking, *, confirmed: bool) -> None:
        """Begins it. Raises `Busy`, and `Conflict` where the bot's calls cause something and
        nobody confirmed that.
        """
        if self._stopping:
            raise Stopping("the server is stopping")
        id = shrinking.failure.conversation.id
        known = self._jobs.get(id)
        if known is not None and known.is_running:
            raise Busy("the conversation is being shrunk already", conversation_id=id)
        if shrinking.plan.has_side_effects and not confirmed:
            raise Conflict("the bot's calls cause something elsewhere; say confirm: true")
        job = Job(shrinking)
        self._jobs.pop(id, None)
        self._jobs[id] = job
        self._forget_old()
        job.task = self._tasks.create_task(self._run(job), name=f"shrink {id}")

    def _forget_old(self) -> None:
        over = [id for id, job in self._jobs.items() if job.task is not None and not job.is_running]
        for id in over[: max(0, len(self._jobs) - MOST_JOBS)]:
            del self._jobs[id]

    async def _run(self, job: Job) -> None:
        async def work() -> None:
            job.result = await job.shrinking.run()

        await or_else(work(), lambda error: self._note_error(job, error))

    def _note_error(self, job: Job, error: Exception) -> None:
        if isinstance(error, DuologueError):
            job.error = error.message
            return
        id = job.shrinking.failure.conversation.id
        log.error("shrink broke", exc_info=error, extra={"conversation_id": id})
        job.error = "an internal error, see the server's log"

    def stop(self, id: str) -> None:
        """Ends it after the replays under way; stopping twice is stopping once."""
        self._find(id).shrinking.halt()

    def _find(self, id: str) -> Job:
        """Raises `NotFound`."""
        job = self._jobs.get(id)
        if job is None:
            raise NotFound(
                "the conversation was not shrunk by this server since it started; a shrink that "
                "was begun before goes on with the same POST, and has no replay twice"
            )
        return job

    async def describe(self, id: str) -> dict[str, Any]:
        """How it stands, and what was found. Raises `NotFound`."""
        job = self._find(id)
        tally = job.shrinking.tally
        if job.result is None:
            facts = {
                **describe_plan(job.shrinking),
                "shortest": list(tally.lines),
                "replays": tally.replays,
                "calls": tally.calls,
                "found_replays": tally.found,
            }
        else:
            replay = job.result.conversation_id
            messages = await self._runs.messages(replay) if replay else []
            facts = describe_shrink(job.shrinking, job.result, messages)
        status = "running" if job.is_running else "failed" if job.error else "ended"
        return {**facts, "status": status, "error": job.error}

    def drain(self) -> None:
        """Begins nothing more, and ends what is under way after its replays."""
        self._stopping = True
        for job in self._jobs.values():
            job.shrinking.halt()


@asynccontextmanager
async def open_shrinks(runs: RunService) -> AsyncIterator[ShrinkService]:
    """The shrinks of this process. Leaving ends them: the runs are drained with it."""
    async with task_group() as tasks:
        service = ShrinkService(runs, tasks)
        try:
            yield service
        finally:
            service.drain()
            await runs.drain(runs.settings.grace_s)

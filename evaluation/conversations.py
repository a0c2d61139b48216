"""A conversation driven to its end, whoever drives it, as trials and replays are."""

import asyncio

from core.ends import Status
from core.errors import Busy, Conflict
from graph.runs.service import RunService
from graph.storage.conversation import Conversation

POLL_S = 0.5


class Unfinished(Exception):
    """The conversation has not ended, since this process stops; it goes on later."""


async def drive(runs: RunService, id: str, client_id: str | None) -> Conversation:
    """Starts or resumes the conversation until it rests. Raises `Unfinished`."""
    driven = False
    while True:
        row = await runs.get(id, client_id)
        if row.status.ended or row.error:
            return row
        if driven and row.status is Status.INTERRUPTED:
            raise Unfinished
        if row.status in (Status.RUNNING, Status.WAITING):  # somebody else takes care of it
            await _wait(runs, id)
            continue
        driven = await _begin(runs, id, row.status) or driven


async def _begin(runs: RunService, id: str, status: Status) -> bool:
    """Lets it run until it rests; tells whether it did."""
    try:
        begin = runs.start if status is Status.CREATED else runs.resume
        view = await begin(id, wait=True)
    except (Busy, Conflict):  # another has it run, or it was stopped while it waited
        await asyncio.sleep(POLL_S)
        return False
    while view.is_driven_here:
        await view.changes.watch()
    return True


async def _wait(runs: RunService, id: str) -> None:
    """Until something happens to a conversation that was set going elsewhere."""
    view = runs.views.find_view(id)
    if view is not None and view.is_driven_here:
        await view.changes.watch()
    else:
        await asyncio.sleep(POLL_S)

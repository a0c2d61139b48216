"""What dead processes left is taken up by a living one, each conversation in its turn."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from time import monotonic
from typing import Any, Protocol

from core.ends import Status
from core.errors import DuologueError, StorageError, StorageFull
from core.failures import contain
from graph.storage.conversation import Conversation
from graph.storage.port import ConversationStorage
from graph.stream.live import LiveConversation
from graph.stream.views import LiveConversations

LOOK_EVERY_S = 5.0
MAX_CRASHES = 3
"""Deaths before anybody was asked for a line: it is the conversation that ends the process."""
MAX_DEATHS = 5
"""Deaths in a row without a turn done: by then it is hardly somebody who kills processes."""
SUSPECT_S = 10.0
"""So long one that processes died at twice has for a turn before the next is taken up."""
PROBATION_S = 3.0
"""So long a process lives before it takes up a suspect: being killed earlier proves nothing."""
log = logging.getLogger("duologue.runs")


class Resume(Protocol):
    """`RunService.resume`."""

    def __call__(
        self, id: str, *, only_orphaned: bool, wait: bool
    ) -> Awaitable[LiveConversation]: ...


class Recovery:
    """Finds conversations whose process is gone, and lets them go on in this one."""

    def __init__(
        self, storage: ConversationStorage, views: LiveConversations, resume: Resume
    ) -> None:
        self._storage = storage
        self._views = views
        self._resume = resume
        self._left_alone: set[str] = set()
        self._probation_ends = monotonic() + PROBATION_S

    async def mark_orphans(self) -> None:
        """What dead processes left `running` is `interrupted`."""
        catalogue, is_alive = self._storage.catalogue, self._storage.owner.is_alive
        owners = await catalogue.list_owners()
        if all(owner is not None and is_alive(owner) for owner in owners):
            return
        try:
            for row in await catalogue.interrupt_orphans(is_alive, describe_crashes):
                await catalogue.update(row.id, turn=await self._read_turn(row), in_flight=None)
        except StorageFull as why:  # what is stored can be read; it is tried again later
            log.warning("orphans not marked", extra={"why": why.message})

    async def _read_turn(self, row: Conversation) -> int:
        try:
            with contain(log, "checkpoint not read", conversation_id=row.id):
                return int((await self._views.read_state(row.id)).get("turn", 0))
        except DuologueError as why:  # it harms its own conversation alone
            log.warning(
                "checkpoint not read", extra={"conversation_id": row.id, "why": why.message}
            )
        return row.turn

    async def find(self) -> list[tuple[str, int]]:
        """What was interrupted by the end of a process; their streams are not over."""
        await self.mark_orphans()
        found = await self._storage.catalogue.list_resumable()
        orphans = [(id, deaths) for id, deaths in found if id not in self._left_alone]
        self._views.expected.update(id for id, _ in orphans)
        return orphans

    async def resume_all(self, orphans: Iterable[tuple[str, int]]) -> None:
        """Lets them go on, each when a run may be opened.

        A process that dies again takes all its runs with it. So what was there twice goes last and
        one by one: whichever brings the process down is then known.
        """
        for id, deaths in sorted(orphans, key=lambda orphan: orphan[1] > 1):
            if deaths > 1:
                await asyncio.sleep(max(0.0, self._probation_ends - monotonic()))
            view = await self._resume_one(id)
            if view is not None and deaths > 1:
                await _see_progress(view)

    async def _resume_one(self, id: str) -> LiveConversation | None:
        self._left_alone.add(id)  # unless it goes on, or may do so later
        try:
            with contain(log, "not resumed", conversation_id=id):
                view = await self._resume(id, only_orphaned=True, wait=True)
                self._left_alone.discard(id)
                return view
        except DuologueError as why:
            if why.retryable:  # others wait for a decision, or are damaged
                self._left_alone.discard(id)
            log.info("not resumed", extra={"conversation_id": id, "why": why.message})
        finally:
            self._views.settle_expected(id)
        return None

    async def keep_looking(self, orphans: Iterable[tuple[str, int]]) -> None:
        """Resumes these, then looks for others as long as this process lives."""
        while True:
            await self.resume_all(orphans)
            await asyncio.sleep(LOOK_EVERY_S)
            orphans = []
            try:
                with contain(log, "orphans not found"):
                    orphans = await self.find()
            except StorageError as why:
                log.warning("orphans not found", extra={"why": why.message})


def describe_crashes(crashes: int, deaths: int) -> dict[str, Any] | None:
    """The error of a conversation at which the process died too often to go on by itself."""
    if crashes < MAX_CRASHES and deaths < MAX_DEATHS:
        return None
    return {
        "error": f"the process ended {deaths} times while this conversation ran and no turn was "
        "done in between; `resume` tries it again",
        "code": "process_died",
        "retryable": True,
        "where": "server",
    }


async def has_asked_somebody(view: LiveConversation) -> bool:
    """Waits until the run that was just begun asks for a line, which it reports, or is over."""
    run = view.run
    while view.run == run and not view.reports:
        await view.changes.watch()
    return view.run == run


async def _see_progress(view: LiveConversation) -> None:
    """Waits until a turn is done or the run is over, but not for ever."""
    run, turn = view.run, view.turn
    try:
        async with asyncio.timeout(SUSPECT_S):
            while (view.current_status, view.run, view.turn) == (Status.RUNNING, run, turn):
                await view.changes.watch()
    except TimeoutError:
        return

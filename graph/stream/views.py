"""The views of this process: one object a conversation, so that all who follow see the same."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Container
from dataclasses import replace
from itertools import islice
from typing import Any, cast
from weakref import WeakValueDictionary

from core.ends import Status
from core.errors import DuologueError
from core.failures import contain
from core.state import State
from graph.runs.run import Graph, thread_config
from graph.storage.conversation import Conversation
from graph.storage.port import ConversationStorage
from graph.stream.live import LiveConversation, Watch

KEPT_VIEWS = 256
LOOKS_A_START = 8
POLL_RUNNING_EVERY_S = 0.5
POLL_RESTING_EVERY_S = 2.0
"""Whether another process lets one go on that rests."""
log = logging.getLogger("duologue.runs")


class LiveConversations:
    """Views of running conversations, and of as many others as were looked at last."""

    def __init__(
        self,
        graph: Graph,
        storage: ConversationStorage,
        watch: Watch,
        runs_here: Container[str],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._graph = graph
        self._storage = storage
        self._watch = watch
        self._runs_here = runs_here
        self._tasks = tasks
        self._polled: set[str] = set()
        self.expected: set[str] = set()
        """Interrupted ones that go on in a moment: their streams are not over."""
        self._views: OrderedDict[str, LiveConversation] = OrderedDict()
        self._held: WeakValueDictionary[str, LiveConversation] = WeakValueDictionary()
        """All views that anybody holds: who follows a dropped one must see what comes."""
        self._closed = False

    def find_view(self, id: str) -> LiveConversation | None:
        return self._views.get(id) or self._held.get(id)

    def forget(self, id: str) -> None:
        self._views.pop(id, None)
        self._held.pop(id, None)

    def close(self) -> None:
        """Ends every stream, each behind its last event."""
        self._closed = True
        for view in [*self._held.values()]:
            view.close()

    def with_live_status(self, row: Conversation) -> Conversation:
        """The row with what is known better here: turns just done, runs whose driver is gone."""
        view = self.find_view(row.id)
        turn = max(row.turn, view.turn) if view else row.turn
        status = row.status
        if status is Status.RUNNING and not self.is_driven(row):
            status = Status.INTERRUPTED
        return replace(row, status=status, turn=turn)

    def is_driven(self, row: Conversation) -> bool:
        """Whether this process or another that lives drives it."""
        owner = self._storage.owner
        if row.owner == owner.id:
            return row.id in self._runs_here
        return bool(row.owner and owner.is_alive(row.owner))

    async def read_state(self, id: str) -> State:
        """The state at the last checkpoint; empty where there is none."""
        return cast(State, (await self._graph.aget_state(thread_config(id))).values)

    async def get_view(self, id: str) -> LiveConversation:
        """The conversation's view, as true as the disk is. Raises `NotFound`."""
        view = self.find_view(id)
        if view is None or not (view.is_driven_here or id in self._runs_here):
            view = await self.read_view(id)
        if id in self._views:
            self._views.move_to_end(id)
        return view

    async def read_view(self, id: str) -> LiveConversation:
        """The view as the disk has it: another process may have driven the conversation on.

        While a run begins here, this is for who begins it alone.
        """
        row = self.with_live_status(await self._storage.catalogue.get(id))
        view = self.find_view(id)
        if view and (view.run, view.current_status) == (row.runs, row.status) != (
            row.runs,
            Status.RUNNING,
        ):
            return self._keep(view)
        state = await self.read_state(id)
        view = self.find_view(id) or LiveConversation(id, [], 0, row.max_turns, self._watch)
        if not view.is_driven_here and view.run <= row.runs:
            _report_from_disk(view, row, state, goes_on=id in self.expected)
        return self._keep(view)

    def _keep(self, view: LiveConversation) -> LiveConversation:
        if view.id not in self._views:
            self._drop_idle()
        self._views[view.id] = self._held[view.id] = view
        view.closed = view.closed or self._closed
        return view

    def poll_if_remote(self, view: LiveConversation) -> None:
        """Looks up what another process may store, while somebody follows."""
        elsewhere = not view.is_driven_here and not view.current_status.ended
        if elsewhere and view.id not in self._polled:
            self._tasks.create_task(self._poll_remote(view), name=f"poll {view.id}")

    async def _poll_remote(self, view: LiveConversation) -> None:
        self._polled.add(view.id)
        try:
            with contain(log, "polling ended", conversation_id=view.id):
                await self._poll(view)
        except DuologueError as error:
            log.warning("polling ended", extra={"conversation_id": view.id, "why": error.message})
        finally:
            self._polled.discard(view.id)

    async def _poll(self, view: LiveConversation) -> None:
        while not view.is_driven_here and not view.current_status.ended and not view.closed:
            runs = view.current_status is Status.RUNNING
            await view.changes.wait(POLL_RUNNING_EVERY_S if runs else POLL_RESTING_EVERY_S)
            if not view.followers:
                return
            await self.get_view(view.id)

    def settle_expected(self, id: str) -> None:
        """It goes on now, or it does not, and then its stream ends."""
        self.expected.discard(id)
        view = self.find_view(id)
        if view and view.current_status is Status.INTERRUPTED and not view.is_exact:
            view.report_done(view.current_status, None)

    def _drop_idle(self) -> None:
        """Looks at a few of the oldest, so that a start costs the same among a thousand runs."""
        for id, view in list(islice(self._views.items(), LOOKS_A_START)):
            if len(self._views) < KEPT_VIEWS:
                return
            if id in self._runs_here or view.followers:
                self._views.move_to_end(id)
            else:
                del self._views[id]


def _report_from_disk(
    view: LiveConversation, row: Conversation, state: State, *, goes_on: bool = False
) -> None:
    """What the disk says, in a view that no run of this process drives."""
    news = (view.run, view.current_status) != (row.runs, row.status)
    view.catch_up(state.get("messages") or [], state.get("turn", 0), row.runs, row.max_turns)
    if not news and view.reports:
        return
    view.current_status = row.status
    facts: dict[str, Any] = {"end_reason": row.end_reason} if row.end_reason else {}
    view.status(row.status.value, _SAYS[row.status], **facts)
    if row.error:
        view.error(row.error)
    if row.status not in _OPEN and not goes_on:
        view.report_done(row.status, row.end_reason)


_OPEN = (Status.CREATED, Status.WAITING, Status.RUNNING)
_SAYS = {
    Status.CREATED: "created; no run was started yet",
    Status.RUNNING: "running",
    Status.WAITING: "waiting for the person in the user's seat",
    Status.COMPLETED: "the conversation has ended",
    Status.STOPPED: "stopped; it can be resumed",
    Status.INTERRUPTED: "interrupted; it can be resumed",
}

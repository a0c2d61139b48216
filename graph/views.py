"""The views of this process: one object a conversation, so that all who follow see the same."""

from collections import OrderedDict
from collections.abc import Container
from typing import Any, cast

from graph.catalogue import Conversation
from graph.drive import Graph, config
from graph.ends import Status
from graph.live import View, Watch
from graph.state import State
from graph.storage import Storage

KEPT = 256


class Views:
    """Views of running conversations, and of as many others as were looked at last."""

    def __init__(
        self, graph: Graph, storage: Storage, watch: Watch, drives: Container[str]
    ) -> None:
        self._graph = graph
        self._storage = storage
        self._watch = watch
        self._drives = drives
        self._views: OrderedDict[str, View] = OrderedDict()

    def known(self, id: str) -> View | None:
        return self._views.get(id)

    def forget(self, id: str) -> None:
        self._views.pop(id, None)

    def close(self) -> None:
        """Ends every stream, each behind its last event."""
        for view in self._views.values():
            view.close()

    async def state(self, id: str) -> State:
        """The state at the last checkpoint; empty where there is none."""
        return cast(State, (await self._graph.aget_state(config(id))).values)

    async def of(self, id: str) -> View:
        """The conversation's view, read from disk where it is not known. Raises `NotFound`."""
        if id not in self._views:
            row = await self._storage.catalogue.get(id)
            state = await self.state(id)
            if id not in self._views:
                self._drop_idle()
                self._views[id] = self._made(row, state)
        self._views.move_to_end(id)
        return self._views[id]

    def _made(self, row: Conversation, state: State) -> View:
        messages, turn = state.get("messages") or [], state.get("turn", 0)
        view = View(row.id, messages, turn, row.max_turns, self._watch)
        view.run, view.stands, view.exact = row.runs, row.status, False
        facts: dict[str, Any] = {"end_reason": row.end_reason} if row.end_reason else {}
        view.status(row.status.value, _SAYS[row.status], **facts)
        if row.error:
            view.error(row.error)
        if row.status not in _OPEN:
            view.done(row.status, row.end_reason)
        return view

    def _drop_idle(self) -> None:
        spare = len(self._views) + 1 - KEPT
        for id, view in list(self._views.items()) if spare > 0 else []:
            if spare <= 0:
                return
            if id not in self._drives and not view.followers:
                del self._views[id]
                spare -= 1


_OPEN = (Status.CREATED, Status.WAITING, Status.RUNNING)
_SAYS = {
    Status.CREATED: "created; no run was started yet",
    Status.RUNNING: "running",
    Status.WAITING: "waiting for the person in the user's seat",
    Status.COMPLETED: "the conversation has ended",
    Status.STOPPED: "stopped; it can be resumed",
    Status.INTERRUPTED: "interrupted; it can be resumed",
}

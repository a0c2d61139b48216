"""From a conversation at rest to the stored ending of its run: begin, drive, finish."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.ends import EndReason, Status
from core.errors import Busy, Stopping
from core.state import InFlight, State
from graph.runs.begin import apply_start_changes
from graph.runs.changes import find_turn_in_flight, resolve_accepted_turn
from graph.runs.finish import announce_ending, close_bot_session, drain_runs, persist_ending
from graph.runs.recovery import has_asked_somebody
from graph.runs.run import Ending, Graph, Run
from graph.runs.slots import Slots
from graph.storage.conversation import Conversation
from graph.storage.port import ConversationStorage
from graph.stream.live import LiveConversation, Watch
from graph.stream.views import LiveConversations
from nodes.speakers.registry import Speakers

SERVER_STOPPED = Ending(Status.INTERRUPTED, EndReason.SERVER_STOPPED)


@dataclass(slots=True)
class Reservation:
    """The right to open one run of a conversation that is at rest."""

    row: Conversation
    is_used: bool = False


class Launcher:
    """Begins runs, and sees each through to its ending on disk and in the stream."""

    def __init__(
        self,
        graph: Graph,
        storage: ConversationStorage,
        speakers: Speakers,
        views: LiveConversations,
        slots: Slots,
        tasks: asyncio.TaskGroup,
        watch: Watch,
    ) -> None:
        self._graph = graph
        self._storage = storage
        self._speakers = speakers
        self._views = views
        self._slots = slots
        self._tasks = tasks
        self._watch = watch
        self._closings: set[asyncio.Task[None]] = set()
        self.is_stopping = False

    async def require_idle(self, id: str) -> Conversation:
        """The conversation's row. Raises `Busy` where it has a run, `NotFound`."""
        row = self._views.with_live_status(await self._storage.catalogue.get(id))
        if row.status is Status.RUNNING or id in self._slots:
            raise Busy("the conversation has a run already", conversation_id=id)
        return row

    @asynccontextmanager
    async def reserve(self, id: str, *, wait: bool = False) -> AsyncIterator[Reservation]:
        """A run of the conversation; given back if none is begun.

        With `wait` it waits where as many runs are open as are allowed. Raises `Busy`, `Full`,
        `Stopping`, and `Conflict` where it was stopped while it waited.
        """
        row = await self.require_idle(id)
        if self.is_stopping:
            raise Stopping("the server is stopping")
        has_waited = await self._slots.take_permit(id, wait=wait)
        place = Reservation(row)
        try:
            if has_waited:
                place.row = await self.require_idle(id)
            yield place
        finally:
            if not place.is_used:
                self._slots.give_permit_back()

    async def begin(
        self,
        place: Reservation,
        state: State,
        update: Mapping[str, Any] | None = None,
        *,
        in_flight: InFlight | None = None,
        max_turns: int | None = None,
        only_orphaned: bool = False,
    ) -> LiveConversation:
        """Begins the run, with `update` made to the state of the thread before its first step.

        Raises `Busy`, and `Conflict` where the turn in flight waits for a decision.
        """
        row = place.row
        accepted = resolve_accepted_turn(row, state, in_flight)
        async with self._slots.hold(row.id) as slot:
            if slot.run is not None:
                raise Busy("the conversation has a run already", conversation_id=row.id)
            slot.is_starting = True
            try:
                view = await self._views.read_view(row.id)
                claimed = await self._claim(row, only_orphaned)
                await apply_start_changes(
                    self._graph, self._storage, claimed, update or {}, max_turns
                )
            finally:
                slot.is_starting = False
            last = {**state, **(update or {})}.get("last_turn")
            slot.run = run = Run(
                self._graph,
                self._speakers,
                view,
                accepted=accepted,
                last_turn=last if last is not None and last > row.turn else None,
                unconfirmed_turn=find_turn_in_flight(row, state) or 0,
                changes_applied=self._forget_pending,
            )
            place.is_used = True
        if self.is_stopping:
            run.drain(SERVER_STOPPED)
        view.begin(claimed.runs + 1, max_turns or claimed.max_turns)
        self._watch("run_started", row.id, {"run": view.run, "bot_id": row.bot_id})
        run.task = self._tasks.create_task(self._execute(run), name=f"run {row.id}")
        if claimed.crashes:
            self._tasks.create_task(self._clear_crashes(view), name=f"crashes {row.id}")
        return view

    async def _clear_crashes(self, view: LiveConversation) -> None:
        if await has_asked_somebody(view):
            self._storage.catalogue.update_later(view.id, crashes=0)

    async def _claim(self, row: Conversation, only_orphaned: bool) -> Conversation:
        owner = self._storage.owner
        return await self._storage.catalogue.claim(
            row.id, owner.id, self._other_lives, runs=row.runs, only_orphaned=only_orphaned
        )

    def _other_lives(self, owner: str) -> bool:
        return owner != self._storage.owner.id and self._storage.owner.is_alive(owner)

    async def _execute(self, run: Run) -> None:
        ending = SERVER_STOPPED
        try:
            ending = await run.drive()
        finally:
            # Written under a shield: a run that is cancelled must not stay "running".
            await asyncio.shield(self._finish(run, ending))

    async def _finish(self, run: Run, ending: Ending) -> None:
        try:
            ending = await persist_ending(self._storage, run, ending)
        finally:
            self._slots.release(run.view.id)
            facts = announce_ending(run.view, ending)
            self._watch("run_ended", run.view.id, facts)
            run.mark_over(facts)
            if run.view.followers and not self.is_stopping:
                self._views.poll_if_remote(run.view)
        if (
            ending.status is Status.COMPLETED
            and self._speakers.wants_end_call
            and not self.is_stopping
        ):
            closing = self._tasks.create_task(
                close_bot_session(self._speakers, self._views, run.view.id), name="end"
            )
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)

    def _forget_pending(self, id: str) -> None:
        self._storage.catalogue.update_later(id, pending=None)

    async def drain(self, grace_s: float) -> None:
        """Starts nothing new, lets each run finish its step, and ends those that do not."""
        self.is_stopping = True
        self._slots.refuse_waiting(Stopping("the server is stopping"))
        await drain_runs([*self._slots.iter_runs()], SERVER_STOPPED, grace_s)
        for closing in self._closings:
            closing.cancel()

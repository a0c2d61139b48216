"""The conversations of this process: who drives them, one run at a time, and who watches.

A run belongs to the process, not to a connection: it is a task of `RunService`, and every stream is
only a view of it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Generic
from uuid import uuid4

from typing_extensions import TypeVar

from core.ends import EndReason, Status
from core.errors import Busy, Conflict, Damaged, Forbidden, Stopping
from core.lines import SIMULATE_REST
from core.message import Message
from core.scenario import Scenario
from core.settings import Settings
from core.state import InFlight, State
from core.text import clean
from graph.build import builder, find_lookup
from graph.runs.begin import apply_start_changes, build_first_row, build_first_state, drop_persona
from graph.runs.changes import (
    check_turn_limit,
    extend_turn_limit,
    find_turn_in_flight,
    merge_updates,
    plan_change,
    resolve_accepted_turn,
    unattended_seat,
)
from graph.runs.finish import (
    announce_ending,
    close_bot_session,
    drain_runs,
    persist_ending,
)
from graph.runs.recovery import Recovery, has_asked_somebody
from graph.runs.run import Ending, Graph, Run, update_thread
from graph.runs.slots import Slots, Turn
from graph.storage.conversation import Conversation
from graph.storage.opening import Storage
from graph.storage.port import ConversationStorage
from graph.stream.cursor import Cursor
from graph.stream.follower import Follower
from graph.stream.live import LiveConversation, Watch
from graph.stream.views import LiveConversations
from nodes.speakers.registry import Speakers

log = logging.getLogger("duologue.runs")
SERVER_STOPPED = Ending(Status.INTERRUPTED, EndReason.SERVER_STOPPED)


S = TypeVar("S", bound=ConversationStorage, default=Storage)


class RunService(Generic[S]):
    """The runs. Every method that takes an id raises `NotFound` for an unknown one."""

    def __init__(
        self,
        settings: Settings,
        storage: S,
        speakers: Speakers,
        tasks: asyncio.TaskGroup,
        watch: Watch,
    ) -> None:
        self.settings = settings
        self.storage = storage
        self.speakers = speakers
        self.graph: Graph = builder(looks_up=find_lookup(speakers)).compile(
            checkpointer=storage.checkpoints
        )
        self.slots = Slots(settings.max_open_runs)
        self.views = LiveConversations(
            self.graph, storage, self._record_event, self.slots, self.with_live_status
        )
        self._tasks = tasks
        self._watch = watch
        self._closings: set[asyncio.Task[None]] = set()
        self._recovering: asyncio.Task[None] | None = None
        self._stopping = False

    # --- what there is ----------------------------------------------------------------------

    async def create(
        self,
        scenario: Scenario,
        *,
        client_id: str | None = None,
        key: str | None = None,
        body: str = "",
        parent: tuple[str, int] | None = None,
        state: State | None = None,
        experiment_id: str | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> str:
        """Stores a new conversation; its id is answered only when it is on disk.

        With a `key` that was used before for the same `body`, the id of that conversation. `card`
        is the persona where it is not one of this process.
        Raises `Invalid`, `KeyReused`, `Stopping`.
        """
        if self._stopping:
            raise Stopping("the server is stopping")
        self.speakers.check(scenario if card is None else drop_persona(scenario))
        check_turn_limit(scenario.max_turns, self.settings)
        if key is not None and (found := await self.storage.catalogue.find_by_key(key, body)):
            return found
        id = str(uuid4())
        initial = state or build_first_state(self.speakers, scenario, card)
        row = build_first_row(id, scenario, initial, client_id, parent)
        row = replace(row, experiment_id=experiment_id)
        begin = partial(update_thread, self.graph, id, dict(initial), first=True)
        return await self.storage.create(row, begin, key, body)

    async def get(self, id: str, client_id: str | None = None) -> Conversation:
        """How the conversation stands. Raises `Forbidden` where it is another client's."""
        row = await self.storage.catalogue.get(id)
        if row.client_id is not None and row.client_id != client_id:
            raise Forbidden("the conversation belongs to another client")
        return self.with_live_status(row)

    def with_live_status(self, row: Conversation) -> Conversation:
        """The row with what is known better here: turns just done, runs whose driver is gone."""
        view = self.views.find_view(row.id)
        turn = max(row.turn, view.turn) if view else row.turn
        status = row.status
        if status is Status.RUNNING and not self._runs(row):
            status = Status.INTERRUPTED
        return replace(row, status=status, turn=turn)

    def _runs(self, row: Conversation) -> bool:
        owner = self.storage.owner
        if row.owner == owner.id:
            return row.id in self.slots
        return bool(row.owner and owner.is_alive(row.owner))

    async def messages(self, id: str) -> list[Message]:
        """The transcript as far as it is on disk."""
        return list((await self.views.get_view(id)).messages)

    # --- runs -------------------------------------------------------------------------------

    async def start(
        self, id: str, turns: int | None = None, *, wait: bool = False
    ) -> LiveConversation:
        """Starts a run, or lets the simulator go on, for at most `turns` turns.

        With `wait` it waits for its turn where as many runs are open as are allowed; others get
        `Full`. Raises `Busy`, `Conflict` (it has ended and no `turns` were asked for, or it was
        stopped while it waited), `Stopping`.
        """
        async with self._turn(id, wait=wait) as turn:
            row, state = turn.row, await self._read_start_state(turn.row)
            if row.status is Status.COMPLETED:
                return await self._extend(turn, state, turns)
            update: dict[str, Any] = {}
            if turns is not None or state.get("last_turn") is not None:
                update["last_turn"] = None if turns is None else row.turn + turns
            if row.status is Status.WAITING and row.seat == "human":
                update["seat"] = unattended_seat(self.speakers, row)
            return await self._begin(turn, state, update)

    async def _extend(self, turn: Turn, state: State, turns: int | None) -> LiveConversation:
        row = turn.row
        more = extend_turn_limit(row, turns, self.settings)
        update = {"end_reason": None, "closing": False, "last_turn": None}
        scenario: dict[str, Any] = {"max_turns": more}
        if row.end_reason == EndReason.LINES_DONE:  # more was asked for than the scenario lays down
            scenario["lines"] = [*row.scenario["lines"], SIMULATE_REST]
        return await self._begin(turn, state, {**update, "scenario": scenario}, max_turns=more)

    async def resume(
        self,
        id: str,
        in_flight: InFlight | None = None,
        *,
        only_orphaned: bool = False,
        wait: bool = False,
    ) -> LiveConversation:
        """Goes on from the last checkpoint. A conversation that has ended calls nobody.

        With `only_orphaned` only where a process died at it, with `wait` as `start` does. Raises
        `Busy`, `Full`, `Stopping`, and `Conflict` where the turn in flight waits for a decision.
        """
        if (await self._require_idle(id)).status is Status.COMPLETED:
            return await self.views.get_view(id)
        async with self._turn(id, wait=wait) as turn:
            state = await self._read_start_state(turn.row)
            return await self._begin(turn, state, in_flight=in_flight, only_orphaned=only_orphaned)

    async def say(self, id: str, text: str) -> LiveConversation:
        """A person speaks, from the user's seat; the line is on disk when this returns.

        Raises `Busy`, `Conflict`, `Full`, `Stopping`.
        """
        async with self._turn(id) as turn:
            row = turn.row
            if row.status is Status.COMPLETED:
                raise Conflict("the conversation has ended", end_reason=row.end_reason)
            state, text = await self._read_start_state(row), clean(text)
            if state.get("unsaid") not in (None, text):  # the same again is a client that retries
                raise Conflict("the line before was not said yet; `resume` says it")
            if state.get("sent", 0) >= row.max_turns:
                raise Conflict("the last turn waits for the bot's reply; `resume` asks for it")
            update = {"unsaid": text, **({"seat": "human"} if row.seat != "human" else {})}
            return await self._begin(turn, state, update)

    async def stop(self, id: str) -> Conversation:
        """Stops it, also while a speaker hangs; stopping twice is stopping once.

        Raises `Busy` where another process drives it.
        """
        self.slots.cancel_waiting(id)
        async with self.slots.hold(id) as slot:
            return await self._stop(id, slot.run)

    async def _stop(self, id: str, run: Run | None) -> Conversation:
        ending = Ending(Status.STOPPED, EndReason.STOPPED)
        if run is not None:
            run.view.status("stopping", "stopping on request")
            run.stop(ending)
            await run.wait()
        elif await self.storage.catalogue.stop(id, self._runs) and (
            view := self.views.find_view(id)
        ):
            view.report_done(ending.status, ending.reason)
        return self._require_local(self.with_live_status(await self.storage.catalogue.get(id)))

    async def change(self, row: Conversation, wanted: Mapping[str, Any]) -> bool:
        """Changes seat, persona or limits: at once where nothing runs, else between two steps.

        Tells whether it is done already. Raises `Conflict` where the conversation has ended, `Busy`
        where another process drives it.
        """
        async with self.slots.hold(row.id) as slot:
            row = self.with_live_status(await self.storage.catalogue.get(row.id))
            if row.status is Status.COMPLETED:
                raise Conflict(
                    "the conversation has ended; fork it instead", end_reason=row.end_reason
                )
            self._require_local(row)
            update, columns = plan_change(self.speakers, row, wanted)
            await self._store_change(row, slot.run, update, columns)
            if view := self.views.find_view(row.id):
                view.max_turns = columns.get("max_turns", view.max_turns)
                facts = {name: columns[name] for name in ("seat",) if name in columns}
                view.status("changed", "changed on request", **facts)
            return slot.run is None

    async def _store_change(
        self, row: Conversation, run: Run | None, update: dict[str, Any], columns: dict[str, Any]
    ) -> None:
        """What was answered holds: it is in the row until it is in the state, whoever goes on."""
        pending = merge_updates(row.pending, update)
        if run is not None:
            with run.promise_change(update):
                await self.storage.catalogue.update(row.id, **columns, pending=pending)
            return
        await self.storage.catalogue.update(row.id, **columns, pending=pending)
        await update_thread(self.graph, row.id, pending)
        await self.storage.catalogue.update(row.id, pending=None)

    async def stream_graph_events(self, id: str) -> AsyncIterator[dict[str, Any]]:
        """LangGraph's own events of the run under way, from the next step on."""
        run = self.slots.get_run(id)
        if run is None:
            return
        async for event in run.stream_graph_events():
            yield event

    async def delete(self, id: str) -> None:
        """Stops it and removes everything of it, also what is damaged.

        Raises `Busy` where another process drives it.
        """
        self.slots.cancel_waiting(id)
        async with self.slots.hold(id) as slot:
            try:
                bot_id = (await self._stop(id, slot.run)).bot_id
            except Damaged:
                bot_id = None
            await self.storage.catalogue.delete(id)
        if bot_id is not None:
            await self.speakers.forget(bot_id, id)
        self.views.forget(id)

    async def follow(self, id: str, after: Cursor | None = None) -> Follower:
        """A reader of the conversation from its start, or from behind a cursor."""
        view = await self.views.get_view(id)
        self._poll_if_remote(view)
        return Follower(view, after)

    def _poll_if_remote(self, view: LiveConversation) -> None:
        if self.views.needs_polling(view):
            self._tasks.create_task(self.views.poll_remote(view), name=f"poll {view.id}")

    # --- inside -----------------------------------------------------------------------------

    async def _require_idle(self, id: str) -> Conversation:
        row = self.with_live_status(await self.storage.catalogue.get(id))
        if row.status is Status.RUNNING or id in self.slots:
            raise Busy("the conversation has a run already", conversation_id=id)
        return row

    async def _read_start_state(self, row: Conversation) -> State:
        """What a run begins with; nothing that matters where there was none before."""
        return await self.views.read_state(row.id) if row.runs else {}

    @asynccontextmanager
    async def _turn(self, id: str, *, wait: bool = False) -> AsyncIterator[Turn]:
        """The conversation at rest, and leave to open a run; given back if none is opened."""
        row = await self._require_idle(id)
        if self._stopping:
            raise Stopping("the server is stopping")
        has_waited = await self.slots.take_permit(id, wait=wait)
        turn = Turn(row)
        try:
            if has_waited:
                turn.row = await self._require_idle(id)
            yield turn
        finally:
            if not turn.is_used:
                self.slots.give_permit_back()

    async def _begin(
        self,
        turn: Turn,
        state: State,
        update: Mapping[str, Any] | None = None,
        *,
        in_flight: InFlight | None = None,
        max_turns: int | None = None,
        only_orphaned: bool = False,
    ) -> LiveConversation:
        row = turn.row
        accepted = resolve_accepted_turn(row, state, in_flight)
        async with self.slots.hold(row.id) as slot:
            if slot.run is not None:
                raise Busy("the conversation has a run already", conversation_id=row.id)
            slot.is_starting = True
            try:
                view = await self.views.read_view(row.id)
                claimed = await self._claim(row, only_orphaned)
                await apply_start_changes(
                    self.graph, self.storage, claimed, update or {}, max_turns
                )
            finally:
                slot.is_starting = False
            last = {**state, **(update or {})}.get("last_turn")
            slot.run = run = Run(
                self.graph,
                self.speakers,
                view,
                accepted=accepted,
                last_turn=last if last is not None and last > row.turn else None,
                unconfirmed_turn=find_turn_in_flight(row, state) or 0,
                changes_applied=self._forget_pending,
            )
            turn.is_used = True
        if self._stopping:
            run.drain(SERVER_STOPPED)
        view.begin(claimed.runs + 1, max_turns or claimed.max_turns)
        self._watch("run_started", row.id, {"run": view.run, "bot_id": row.bot_id})
        run.task = self._tasks.create_task(self._execute(run), name=f"run {row.id}")
        if claimed.crashes:
            self._tasks.create_task(self._clear_crashes(view), name=f"crashes {row.id}")
        return view

    async def _clear_crashes(self, view: LiveConversation) -> None:
        if await has_asked_somebody(view):
            self.storage.catalogue.update_later(view.id, crashes=0)

    async def _claim(self, row: Conversation, only_orphaned: bool) -> Conversation:
        owner = self.storage.owner
        return await self.storage.catalogue.claim(
            row.id, owner.id, self._other_lives, runs=row.runs, only_orphaned=only_orphaned
        )

    def _require_local(self, row: Conversation) -> Conversation:
        if row.status is Status.RUNNING and row.id not in self.slots:
            raise Busy("another process drives the conversation", conversation_id=row.id)
        return row

    def _other_lives(self, owner: str) -> bool:
        return owner != self.storage.owner.id and self.storage.owner.is_alive(owner)

    async def _execute(self, run: Run) -> None:
        ending = SERVER_STOPPED
        try:
            ending = await run.drive()
        finally:
            # Written under a shield: a run that is cancelled must not stay "running".
            await asyncio.shield(self._finish(run, ending))

    async def _finish(self, run: Run, ending: Ending) -> None:
        try:
            ending = await persist_ending(self.storage, run, ending)
        finally:
            self.slots.release(run.view.id)
            facts = announce_ending(run.view, ending)
            self._watch("run_ended", run.view.id, facts)
            run.mark_over(facts)
            if run.view.followers and not self._stopping:
                self._poll_if_remote(run.view)
        if (
            ending.status is Status.COMPLETED
            and self.speakers.wants_end_call
            and not self._stopping
        ):
            closing = self._tasks.create_task(
                close_bot_session(self.speakers, self.views, run.view.id), name="end"
            )
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)

    def _forget_pending(self, id: str) -> None:
        self.storage.catalogue.update_later(id, pending=None)

    def _record_event(self, what: str, id: str, facts: dict[str, Any]) -> None:
        if what == "message" and facts["role"] == "assistant":
            self.storage.catalogue.update_later(id, turn=facts["turn"], deaths=0)
        self._watch(what, id, facts)

    # --- the process's life -----------------------------------------------------------------

    async def recover(self, *, wait: bool = True) -> None:
        """What dead processes left `running` is `interrupted`, and goes on where that is set.

        Without `wait` it goes on after this returns, and so does the search for what processes
        leave that die from now on.
        """
        recovery = Recovery(self.storage, self.views, self.resume)
        if not self.settings.resume_on_start:
            await recovery.mark_orphans()
            return
        orphans = await recovery.find()
        if wait:
            await recovery.resume_all(orphans)
        else:
            self._recovering = self._tasks.create_task(
                recovery.keep_looking(orphans), name="recovery"
            )

    async def drain(self, grace_s: float) -> None:
        """Starts nothing new, lets each run finish its step, and ends those that do not."""
        self._stopping = True
        if self._recovering:
            self._recovering.cancel()
        self.slots.refuse_waiting(Stopping("the server is stopping"))
        await drain_runs([*self.slots.iter_runs()], SERVER_STOPPED, grace_s)
        for closing in self._closings:
            closing.cancel()
        self.views.close()

    @property
    def open_runs(self) -> int:
        return len(self.slots)

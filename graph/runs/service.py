"""The conversations of this process: who drives them, one run at a time, and who watches.

A run belongs to the process, not to a connection: it is a task of `RunService`, and every stream is
only a view of it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
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
from graph.runs.begin import build_first_row, build_first_state, drop_persona
from graph.runs.changes import (
    check_turn_limit,
    extend_turn_limit,
    merge_updates,
    plan_change,
    unattended_seat,
)
from graph.runs.launcher import Launcher, Reservation
from graph.runs.recovery import Recovery
from graph.runs.run import Ending, Graph, Run, update_thread
from graph.runs.slots import Slots
from graph.storage.conversation import Conversation
from graph.storage.opening import Storage
from graph.storage.port import ConversationStorage
from graph.stream.cursor import Cursor
from graph.stream.follower import Follower
from graph.stream.live import LiveConversation, Watch
from graph.stream.views import LiveConversations
from nodes.speakers.registry import Speakers

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
        self.views = LiveConversations(self.graph, storage, self._record_event, self.slots, tasks)
        self.launcher = Launcher(
            self.graph, storage, speakers, self.views, self.slots, tasks, watch
        )
        self._tasks = tasks
        self._watch = watch
        self._recovering: asyncio.Task[None] | None = None

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
        if self.launcher.is_stopping:
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
        return self.views.with_live_status(row)

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
        async with self.launcher.reserve(id, wait=wait) as place:
            row, state = place.row, await self._read_start_state(place.row)
            if row.status is Status.COMPLETED:
                return await self._extend(place, state, turns)
            update: dict[str, Any] = {}
            if turns is not None or state.get("last_turn") is not None:
                update["last_turn"] = None if turns is None else row.turn + turns
            if row.status is Status.WAITING and row.seat == "human":
                update["seat"] = unattended_seat(self.speakers, row)
            return await self.launcher.begin(place, state, update)

    async def _extend(
        self, place: Reservation, state: State, turns: int | None
    ) -> LiveConversation:
        row = place.row
        more = extend_turn_limit(row, turns, self.settings)
        update = {"end_reason": None, "closing": False, "last_turn": None}
        scenario: dict[str, Any] = {"max_turns": more}
        if row.end_reason == EndReason.LINES_DONE:  # more was asked for than the scenario lays down
            scenario["lines"] = [*row.scenario["lines"], SIMULATE_REST]
        return await self.launcher.begin(
            place, state, {**update, "scenario": scenario}, max_turns=more
        )

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
        if (await self.launcher.require_idle(id)).status is Status.COMPLETED:
            return await self.views.get_view(id)
        async with self.launcher.reserve(id, wait=wait) as place:
            state = await self._read_start_state(place.row)
            return await self.launcher.begin(
                place, state, in_flight=in_flight, only_orphaned=only_orphaned
            )

    async def say(self, id: str, text: str) -> LiveConversation:
        """A person speaks, from the user's seat; the line is on disk when this returns.

        Raises `Busy`, `Conflict`, `Full`, `Stopping`.
        """
        async with self.launcher.reserve(id) as place:
            row = place.row
            if row.status is Status.COMPLETED:
                raise Conflict("the conversation has ended", end_reason=row.end_reason)
            state, text = await self._read_start_state(row), clean(text)
            if state.get("unsaid") not in (None, text):  # the same again is a client that retries
                raise Conflict("the line before was not said yet; `resume` says it")
            if state.get("sent", 0) >= row.max_turns:
                raise Conflict("the last turn waits for the bot's reply; `resume` asks for it")
            update = {"unsaid": text, **({"seat": "human"} if row.seat != "human" else {})}
            return await self.launcher.begin(place, state, update)

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
        elif await self.storage.catalogue.stop(id, self.views.is_driven) and (
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
        """Stops it and removes everything of it, also what is damaged, and its replays.

        Raises `Busy` where another process drives it.
        """
        for replay in await self.storage.catalogue.list_replays(id):
            await self.delete(replay)
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
        self.views.poll_if_remote(view)
        return Follower(view, after)

    # --- inside -----------------------------------------------------------------------------

    async def _read_start_state(self, row: Conversation) -> State:
        """What a run begins with; nothing that matters where there was none before."""
        return await self.views.read_state(row.id) if row.runs else {}

    def _require_local(self, row: Conversation) -> Conversation:
        if row.status is Status.RUNNING and row.id not in self.slots:
            raise Busy("another process drives the conversation", conversation_id=row.id)
        return row

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
        if self._recovering:
            self._recovering.cancel()
        await self.launcher.drain(grace_s)
        self.views.close()

    @property
    def open_runs(self) -> int:
        return len(self.slots)

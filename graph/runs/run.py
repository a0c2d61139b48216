"""One run: the graph is driven until it ends, waits, is stopped or breaks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl

from core import tracing
from core.ends import EndReason, Status
from core.errors import BotError, DuologueError, Invalid, SpeakerError
from core.failures import or_else
from core.state import State
from graph.stream.live import LiveConversation
from nodes.context import RunContext
from nodes.speakers.registry import Speakers

log = logging.getLogger("duologue.runs")
Graph = CompiledStateGraph[Any, Any, Any, Any]
ENDLESS = 1_000_000
WATCHER_QUEUE = 1000
_PAUSED = "paused after turn {} as asked; POST …/runs lets it go on"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    status: Status
    reason: str | None = None
    error: DuologueError | None = None
    says: str = ""


class Run:
    """The run of one conversation.

    `accepted` is the turn that is taken as heard, `last_turn` the one behind which the run pauses,
    `unconfirmed_turn` the one that the bot may have heard from the run before.
    """

    def __init__(
        self,
        graph: Graph,
        speakers: Speakers,
        view: LiveConversation,
        *,
        accepted: int | None = None,
        last_turn: int | None = None,
        unconfirmed_turn: int = 0,
        changes_applied: Callable[[str], None] = lambda _id: None,
    ) -> None:
        self.view = view
        self.control = RunControl()
        self.context = RunContext(speakers, view, accepted, last_turn, unconfirmed_turn)
        self.intent: Ending | None = None
        # Not an Event: that one keeps a queue for its waiters, 0.7 kB that most runs never use.
        self._finished = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None
        self._graph = graph
        self._config = thread_config(view.id)
        self._unconfirmed_turn = unconfirmed_turn
        self._has_begun = False
        self._was_cut = False
        self._changes: list[dict[str, Any]] = []
        self._promised = 0
        self._changes_applied = changes_applied
        self._watchers: list[asyncio.Queue[dict[str, Any] | None]] = []
        self._tail: Sequence[Any] = ()
        self._turn = view.turn
        self._end_reason: str | None = None

    # --- from outside -----------------------------------------------------------------------

    def stop(self, ending: Ending) -> None:
        """Ends the run at once, also while a speaker is silent; the first intent wins."""
        if self.intent is None:
            self.intent = ending
            # A task that is cancelled before its first step never runs, not even its `finally`.
            if self.task and self._has_begun:
                self.task.cancel()

    def drain(self, ending: Ending) -> None:
        """Ends the run behind the step that is under way."""
        if self.intent is None:
            self.intent = ending
            self.control.request_drain("drain")

    def mark_over(self, facts: Mapping[str, Any] | None = None) -> None:
        """Nothing more comes: whoever looks on is told so, and stop() need wait no longer."""
        if facts and facts["error"]:
            self._send_to_watchers({"event": "error", **facts["error"]})
        if facts:
            done = {name: facts[name] for name in ("status", "end_reason", "turns")}
            self._send_to_watchers({"event": "done", **done, "conversation_id": self.view.id})
        self._send_to_watchers(None)
        self._finished.set_result(None)

    @property
    def is_finished(self) -> bool:
        return self._finished.done()

    async def wait(self) -> None:
        """Returns once nothing more comes."""
        await asyncio.shield(self._finished)

    @contextmanager
    def promise_change(self, update: dict[str, Any]) -> Iterator[None]:
        """Changes the state between this step and the next; in the block, the promise is stored.

        What is promised elsewhere is not taken as kept before it is.
        """
        self._promised += 1
        with ExitStack() as unless_stored:
            unless_stored.callback(self._take_promise_back)
            yield
            unless_stored.pop_all()
        self._changes.append(update)
        self.control.request_drain("change")

    def _take_promise_back(self) -> None:
        self._promised -= 1

    # --- the run ----------------------------------------------------------------------------

    async def drive(self) -> Ending:
        """Drives until there is an ending. Cancelled without an intent, it raises."""
        return await or_else(self._drive(), partial(make_broken_ending, self.view.id))

    async def _drive(self) -> Ending:
        self._has_begun = True
        try:
            with tracing.run(self.view.id):
                return self.intent or await self._run_until_ending()
        except asyncio.CancelledError:
            self._was_cut = True
            if self.intent is None:
                raise
            return self.intent
        except SpeakerError as error:
            bot = error.where == "bot"
            reason = EndReason.BOT_ERROR if bot else EndReason.SIMULATOR_ERROR
            return Ending(Status.INTERRUPTED, reason, error)
        except Invalid as error:  # the bot is configured no more
            gone = BotError("unreachable", error.message, retryable=False)
            return Ending(Status.INTERRUPTED, EndReason.BOT_ERROR, gone)
        except DuologueError as error:
            return Ending(Status.INTERRUPTED, EndReason.SERVER_ERROR, error)

    async def _run_until_ending(self) -> Ending:
        if over := await self._find_earlier_ending():
            return over
        while True:
            waits, drained = await self._run_until_rest()
            if drained:
                self.control = RunControl()  # first: a change that comes meanwhile drains again
                await self.apply_changes()
                if self.intent is None and not self._is_paused():
                    continue
                return self.intent or Ending(Status.WAITING, says=_PAUSED.format(self.view.turn))
            return Ending(Status.WAITING) if waits else Ending(Status.COMPLETED, self._end_reason)

    async def _find_earlier_ending(self) -> Ending | None:
        """The ending, where there was one and the process died before the catalogue knew."""
        state = await self._graph.aget_state(self._config)
        return None if state.tasks else Ending(Status.COMPLETED, state.values.get("end_reason"))

    def _is_paused(self) -> bool:
        return self.context.pauses_after(self.view.turn)

    async def stream_graph_events(self) -> AsyncIterator[dict[str, Any]]:
        """LangGraph's own events, from the next step on; an onlooker too slow loses some."""
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(WATCHER_QUEUE)
        if not self._watchers:  # whoever comes later joins the stream that is there
            self.control.request_drain("watch")
        self._watchers.append(events)
        try:
            while (event := await events.get()) is not None:
                yield event
        finally:
            self._watchers.remove(events)

    def _send_to_watchers(self, event: dict[str, Any] | None) -> None:
        for events in self._watchers:
            if events.full():
                events.get_nowait()
            events.put_nowait(event)

    def _stream_updates(self) -> AsyncIterator[dict[str, Any]]:
        """The updates of each node. LangGraph tells all else only while somebody looks on."""
        given: dict[str, Any] = {
            "context": self.context,
            "durability": "sync",
            "control": self.control,
            "stream_mode": "updates",
        }
        if self._watchers:
            return self._stream_to_watchers(given)
        return self._graph.astream(None, self._config, **given)

    async def _stream_to_watchers(self, given: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        root: dict[str, Any] | None = None
        try:
            async for event in self._graph.astream_events(
                None, self._config, version="v2", **given
            ):
                self._send_to_watchers(dict(event))
                if not event["parent_ids"]:
                    root = None if event["event"] == "on_chain_end" else dict(event)
                    if event["event"] == "on_chain_stream":
                        yield event["data"]["chunk"]
        finally:
            if root:  # LangGraph leaves it open where the run is drained, cut off or broken
                self._send_to_watchers({**root, "event": "on_chain_end", "data": {}})

    async def _run_until_rest(self) -> tuple[bool, bool]:
        """Runs the graph; tells whether it waits for a person, and whether it was drained."""
        waits = drained = False
        try:
            async for updates in self._stream_updates():
                for node, update in updates.items():
                    waits = waits or node == "__interrupt__"
                    if isinstance(update, dict):
                        self._record_update(update)
        except GraphDrained:
            drained = True
        self._report_tail()
        return waits, drained

    def in_flight(self, ending: Ending) -> int:
        """The turn that the bot may have heard while its reply is not on disk; 0 for none."""
        left = self._unconfirmed_turn if self._unconfirmed_turn > self.view.turn else 0
        refused = isinstance(ending.error, BotError) and ending.error.unheard
        return left if refused else self.view.turn_in_flight or left

    def _record_update(self, update: dict[str, Any]) -> None:
        self._tail = (update.get("messages") or {}).get("said", ())
        self._turn = update.get("turn", self.view.turn)
        self._end_reason = update.get("end_reason")

    def _report_tail(self) -> None:
        """What the last step added; its checkpoint is on disk now."""
        known = len(self.view.messages)
        fresh = [line for line in self._tail if int(line["id"]) >= known]
        self.view.update_transcript([*self.view.messages, *fresh], self._turn)

    async def apply_changes(self) -> None:
        while self._changes:
            await update_thread(self._graph, self.view.id, self._changes.pop(0))
            self._promised -= 1
            if not self._promised:
                self._changes_applied(self.view.id)

    async def report_unreported(self) -> None:
        """A run that was cut off between two steps has more on disk than it told."""
        if self._was_cut:
            state = (await self._graph.aget_state(self._config)).values
            self.view.update_transcript(state.get("messages") or [], state.get("turn", 0))


def make_broken_ending(id: str, error: Exception) -> Ending:
    """The ending of a run that met what nobody foresaw; the log has it under the incident."""
    incident = uuid4().hex[:12]
    facts = {"conversation_id": id, "incident": incident}
    log.error("run broke", exc_info=error, extra=facts)
    shown = DuologueError(f"an internal error, incident {incident}", incident=incident)
    shown.__cause__ = error
    return Ending(Status.INTERRUPTED, EndReason.SERVER_ERROR, shown)


def thread_config(id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": id}, "recursion_limit": ENDLESS}


async def update_thread(graph: Graph, id: str, update: dict[str, Any], first: bool = False) -> None:
    """Changes a conversation's state while no run drives it; who is next stays the same."""
    as_node = "__start__"
    if not first:
        state = await graph.aget_state(thread_config(id))
        if state.tasks and not state.next:
            await _close_step(graph, id)
        as_node = _last_node(cast(State, state.values))
    await graph.aupdate_state(thread_config(id), update, as_node=as_node)


async def _close_step(graph: Graph, id: str) -> None:
    """Checkpoints a step whose node is done, though its run was cut off before it could.

    An update would stand in the place of what that node wrote. No node is run here.
    """
    await graph.ainvoke(None, thread_config(id), durability="sync", interrupt_after="*")


def _last_node(state: State) -> str:
    """Behind which node the state stands, so that the edges lead on as before."""
    messages = state.get("messages") or []
    if "session" not in state:
        return "__start__"
    if not messages or int(state["scenario"].get("replay", 0)) > state.get("replayed", 0):
        return "open"
    # A turn that is accepted as heard leaves the user's line last, and yet it is done.
    unanswered = messages[-1]["role"] == "user" and state.get("sent", 0) > state.get("turn", 0)
    return "user" if unanswered else "bot"


def to_error_data(error: DuologueError) -> dict[str, Any]:
    """The data of an `error` event, as it is also kept in the catalogue."""
    plain = (str, int, float)
    facts = {name: value for name, value in error.facts.items() if isinstance(value, plain)}
    return {
        "error": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "where": error.where,
        **facts,
    }

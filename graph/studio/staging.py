"""How the product's nodes run in LangGraph's own server: the same nodes, in a context of Studio's.

There is no `Run` there: the setup comes with each run, what is said is told through LangGraph's
streams, and any checkpoint may be taken up again, also one that the bot is already past.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    HumanMessageChunk,
)
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM
from langgraph.graph.message import push_message
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from core import tracing
from core.errors import DuologueError
from core.lines import find_answered_lines
from core.message import Message, Role, to_event
from core.rules import route_after_open
from core.scenario import Scenario
from core.state import State
from graph.build import Node
from graph.runs.run import to_error_data
from graph.studio.setup import Setup
from nodes.bot import run_bot_turn
from nodes.context import RunContext
from nodes.open import open_session
from nodes.replay import replay_turn
from nodes.retrieve import retrieve_passages
from nodes.speakers.registry import Speakers
from nodes.user import run_user_turn


class StudioEmitter:
    """The emitter of one node: `custom` events, and the lines as `messages` events."""

    def __init__(self, write: Callable[[Any], None], index: int) -> None:
        self._write = write
        self._index = index
        self._take = 0
        self._has_said = False

    def status(self, status: str, message: str, **facts: Any) -> None:
        self._write({"event": "status", "status": status, "message": message, **facts})

    def piece(self, role: Role, text: str) -> None:
        self._has_said = True
        self._write({"event": "token", "content": text, "role": role, "index": self._index})
        chunk = AIMessageChunk if role == "assistant" else HumanMessageChunk
        _push(chunk(content=text, id=f"{self._index}~{self._take}" if self._take else self._id))

    def reset(self, why: str) -> None:
        self._void("reset", why=why)

    def discard(self, text: str, why: str, **_facts: Any) -> None:
        self._void("discarded", text=text, why=why)

    def update_transcript(self, messages: Sequence[Message], turn: int) -> None:
        """LangGraph tells by itself what is stored."""

    def error(self, error: DuologueError) -> None:
        self._write({"event": "error", **to_error_data(error)})

    def report_lines(self, lines: Sequence[Message]) -> None:
        """The node's lines, whole; what was told in pieces is not told again as a message."""
        for place, line in enumerate(lines):
            data = to_event(line, self._index + place)
            self._write({"event": "message", **data})
            if place or not self._has_said:
                _push(_as_langchain(line))

    @property
    def _id(self) -> str:
        return str(self._index)

    def _void(self, event: str, **facts: Any) -> None:
        if self._has_said:
            self._take += 1
            self._has_said = False
        self._write({"event": event, "index": self._index, **facts})


def _as_langchain(line: Message) -> BaseMessage:
    kind = AIMessage if line["role"] == "assistant" else HumanMessage
    return kind(content=line["content"], id=line["id"], name=line["name"])


def _push(message: BaseMessage) -> None:
    push_message(message, state_key=None)


class Broken(RuntimeError):
    """What went wrong, in words: LangGraph's server shows the text of few kinds of errors."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The user lines that a session of a bot has heard; the last may be under way."""

    lines: tuple[str, ...] = ()
    answered: bool = True

    def fits(self, before: tuple[str, ...], line: str) -> bool:
        """Whether a bot that heard this much may now be told `line`."""
        return self.lines == (before if self.answered else (*before, line))


class StudioNodes:
    """The graph's nodes for Studio. It knows what each bot session has heard in this process."""

    def __init__(self, speakers_of: Callable[[str], Awaitable[Speakers]]) -> None:
        self._speakers_of = speakers_of
        self._heard: dict[str, Heard] = {}

    def make(self) -> dict[str, Node]:
        """Each node by its name, as `builder` wants them."""
        steps: dict[str, Node] = {
            "open": self._open,
            "replay": partial(_play_in_session, replay_turn),
            "retrieve": partial(_play_in_session, retrieve_passages),
            "bot": self._bot,
            "user": partial(_play_in_session, run_user_turn),
        }
        return {name: self._make_node(tracing.step(name, step)) for name, step in steps.items()}

    def _make_node(self, step: Node) -> Node:
        async def node(state: State, runtime: Runtime[Any]) -> State:
            emitter = StudioEmitter(runtime.stream_writer, len(state.get("messages", [])))
            setup = runtime.context or Setup()
            try:
                speakers = await self._speakers_of(setup.model)
                change = plan_changes(state, setup, speakers)
                _mute_models()
                context = RunContext(speakers, emitter)
                update = await step(_merge(state, change), runtime.override(context=context))
            except DuologueError as error:
                emitter.error(error)
                raise Broken(f"{error.message} ({error.code})") from error
            return {**change, **_emit_lines(update, emitter)}

        return node

    async def _open(self, state: State, runtime: Runtime[RunContext]) -> State:
        """A session, unless the conversation goes on: in chat mode each line is a run."""
        session = state.get("session") or {}
        update: State
        if session.get("bot") == _bot_key(state):
            asks_bot = await route_after_open(state) == "bot"
            sent = state.get("turn", 0) + asks_bot
            update = {"end_reason": None, "closing": False, "sent": sent}
        else:
            thread = runtime.execution_info and runtime.execution_info.thread_id
            known_as = thread if thread and thread not in self._heard else str(uuid4())
            update = await _play(open_session, state, runtime, known_as)
            update["session"] = self._add_session(state, known_as, update)
        return {**update, **_claim_line(state)}

    async def _bot(self, state: State, runtime: Runtime[RunContext]) -> State:
        """A turn; a bot that is not where the transcript is hears it again, in a new session."""
        session = dict(state.get("session") or {})
        messages = state.get("messages", [])
        places = find_answered_lines(messages)
        before = tuple(messages[at]["content"] if at >= 0 else "" for at in places)
        line = messages[-1]["content"] if messages else ""
        remembers = runtime.context.speakers.bot(Scenario.read(state["scenario"])).remembers
        heard = self._heard.get(session.get("known_as", ""))
        elsewhere = remembers and heard is not None and not heard.fits(before, line)
        if elsewhere or session.get("bot") != _bot_key(state):
            session = await self._retell(state, runtime, len(before) if remembers else 0)
        known_as = session.get("known_as", "")
        self._heard[known_as] = Heard((*before, line), answered=False)
        update = await _play(run_bot_turn, {**state, "session": session}, runtime, known_as)
        self._heard[known_as] = Heard((*before, line))
        return {"session": session, **update}

    async def _retell(
        self, state: State, runtime: Runtime[RunContext], total: int
    ) -> dict[str, Any]:
        known_as = str(uuid4())
        runtime.context.emitter.status(
            "forked", f"the bot is told {total} lines again, in a session of its own", lines=total
        )
        update = await _play(open_session, {**state, "session": {}}, runtime, known_as)
        session = self._add_session(state, known_as, update)
        scenario = {**state["scenario"], "replay": total}
        for done in range(total):
            place: State = {"session": session, "scenario": scenario, "replayed": done}
            replayed = await _play(replay_turn, {**state, **place}, runtime, known_as)
            session = replayed.get("session", session)
        return session

    def _add_session(self, state: State, known_as: str, update: State) -> dict[str, Any]:
        self._heard[known_as] = Heard()
        return {**update["session"], "known_as": known_as, "bot": _bot_key(state)}


async def _play(
    node: Node, state: State, runtime: Runtime[RunContext], known_as: str | None = None
) -> State:
    """Runs a node; to the bot the conversation is `known_as`, whatever the thread is."""
    if known_as and runtime.execution_info:
        runtime = runtime.patch_execution_info(thread_id=known_as)
    return await node(state, runtime)


async def _play_in_session(node: Node, state: State, runtime: Runtime[RunContext]) -> State:
    return await _play(node, state, runtime, (state.get("session") or {}).get("known_as"))


def _bot_key(state: State) -> str:
    """What a session belongs to."""
    scenario = state["scenario"]
    return "prompt" if scenario.get("bot_prompt") else str(scenario["bot_id"])


def plan_changes(state: State, setup: Setup, speakers: Speakers) -> State:
    """What the setup of this run changes in the conversation; nothing where it stayed the same.

    The scenario keeps the setup it came from, so that what was edited by hand in a checkpoint is
    overruled only by what was changed in the setup since. Raises `Invalid`.
    """
    scenario, now = state.get("scenario") or {}, setup.model_dump()
    before = scenario.get("setup")
    if now == before:
        return {}
    wanted = setup.scenario()
    speakers.check(wanted)
    old = (Setup(**before).scenario() if before else Scenario()).model_dump()
    news = {} if before else {"bot_id": wanted.bot_id, "max_turns": wanted.max_turns}
    news |= {name: value for name, value in wanted.model_dump().items() if value != old[name]}
    card = speakers.persona(wanted).model_dump(exclude_defaults=True)
    change: State = {"scenario": {**news, "card": card, "setup": now}}
    if "user" in news or not before:
        change["seat"] = wanted.user or speakers.default_seat
    return change


def _emit_lines(update: State, emitter: StudioEmitter) -> State:
    """The update with its lines told, and plain to read in the `updates` stream."""
    added: Any = update.get("messages")
    lines: Any = tuple(added["said"]) if isinstance(added, dict) else ()
    emitter.report_lines(lines)
    return {**update, "messages": lines} if lines else update


def _claim_line(state: State) -> State:
    """The line that a run was given is the person's in its turn; what stood before it was given."""
    messages = state.get("messages", [])
    if not messages or messages[-1]["role"] != "user" or messages[-1]["origin"] != "given":
        return {}
    line: Message = {**messages[-1], "origin": "human", "turn": state.get("turn", 0) + 1}
    lines: Any = Overwrite([*messages[:-1], line])
    return {"messages": lines}


def _merge(state: State, change: State) -> State:
    scenario = {**(state.get("scenario") or {}), **change.get("scenario", {})}
    return {**state, **change, "scenario": scenario}


def _mute_models() -> None:
    """A model's own tokens stay out of `messages`: the emitter tells them under the line's id."""
    config = get_config()
    tags = [*(config.get("tags") or []), TAG_NOSTREAM]
    var_child_runnable_config.set({**config, "tags": tags})

"""How the product's nodes run in LangGraph's own server: the same nodes, dressed for Studio.

There is no `Run` there: the setup comes with each run, what is said is told through LangGraph's
streams, and any checkpoint may be taken up again, also one that the bot is already past.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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

from core.errors import DuologueError
from core.message import Message, Role, to_event
from core.rules import route_after_open
from core.scenario import Scenario
from core.state import State
from graph.build import Node
from graph.runs.run import to_error_data
from graph.studio.setup import Setup
from nodes.open import open_session
from nodes.replay import find_answered_lines, replay_turn
from nodes.speakers.registry import Speakers


class StudioEmitter:
    """The emitter of one node: `custom` events, and the lines as `messages` events."""

    def __init__(self, write: Callable[[Any], None], index: int) -> None:
        self._write = write
        self._index = index
        self._take = 0
        self._told = False

    def status(self, status: str, message: str, **facts: Any) -> None:
        self._write({"event": "status", "status": status, "message": message, **facts})

    def piece(self, role: Role, text: str) -> None:
        self._told = True
        self._write({"event": "token", "content": text, "role": role, "index": self._index})
        chunk = AIMessageChunk if role == "assistant" else HumanMessageChunk
        _push(chunk(content=text, id=f"{self._index}~{self._take}" if self._take else self._id))

    def reset(self, why: str) -> None:
        self._void("reset", why=why)

    def discard(self, text: str, why: str) -> None:
        self._void("discarded", text=text, why=why)

    def update_transcript(self, messages: Sequence[Message], turn: int) -> None:
        """LangGraph tells by itself what is stored."""

    def error(self, error: DuologueError) -> None:
        self._write({"event": "error", **to_error_data(error)})

    def said(self, lines: Sequence[Message]) -> None:
        """The node's lines, whole; what was told in pieces is not told again as a message."""
        for place, line in enumerate(lines):
            data = to_event(line, self._index + place)
            self._write({"event": "message", **data})
            if place or not self._told:
                _push(_as_langchain(line))

    @property
    def _id(self) -> str:
        return str(self._index)

    def _void(self, event: str, **facts: Any) -> None:
        if self._told:
            self._take += 1
            self._told = False
        self._write({"event": event, "index": self._index, **facts})


def _as_langchain(line: Message) -> BaseMessage:
    kind = AIMessage if line["role"] == "assistant" else HumanMessage
    return kind(content=line["content"], id=line["id"], name=line["name"])


def _push(message: BaseMessage) -> None:
    push_message(message, state_key=None)


class Broken(RuntimeError):
    """What went wrong, in words: LangGraph's server shows the text of few kinds of errors."""


@dataclass(frozen=True, slots=True)
class Given:
    """The context of a node in Studio: nothing is in flight, and nothing pauses by itself."""

    emitter: StudioEmitter

    def accepts(self, turn: int) -> bool:
        return False

    def pauses_after(self, turn: int) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Scene:
    """One node's call: what it is given, with the setup of this run worked in."""

    state: State
    runtime: Runtime[Any]
    speakers: Speakers
    emitter: StudioEmitter

    async def play(self, node: Node, known_as: str | None = None, **changes: Any) -> State:
        """Runs a node; to the bot the conversation is `known_as`, whatever the thread is."""
        runtime = self.runtime
        if known_as and runtime.execution_info:
            runtime = runtime.patch_execution_info(thread_id=known_as)
        given = Given(self.emitter)
        state = {**self.state, **changes}
        update: State = await node(
            state, runtime, speakers=self.speakers, context_of=lambda _: given
        )
        return update

    @property
    def bot_key(self) -> str:
        """What a session belongs to."""
        scenario = self.state["scenario"]
        return "prompt" if scenario.get("bot_prompt") else str(scenario["bot_id"])


@dataclass(frozen=True, slots=True)
class Told:
    """The user lines that a session of a bot has heard; the last may be under way."""

    lines: tuple[str, ...] = ()
    answered: bool = True

    def fits(self, before: tuple[str, ...], line: str) -> bool:
        """Whether a bot that heard this much may now be told `line`."""
        return self.lines == (before if self.answered else (*before, line))


class StudioNodes:
    """Dresses the nodes. It knows what each bot session has heard while this process runs."""

    def __init__(self, cast_of: Callable[[str], Awaitable[Speakers]]) -> None:
        self._cast_of = cast_of
        self._told: dict[str, Told] = {}

    def around(self, name: str, node: Node) -> Node:
        """The node as the builder wants it."""
        acts = {"open": self._open, "bot": self._bot}
        act = acts.get(name, _as_it_is)

        async def step(state: State, runtime: Runtime[Any], **_of_the_product: Any) -> State:
            emitter = StudioEmitter(runtime.stream_writer, len(state.get("messages", [])))
            try:
                scene, change = await self._scene(state, runtime, emitter)
                update = await act(node, scene)
            except DuologueError as error:
                emitter.error(error)
                raise Broken(f"{error.message} ({error.code})") from error
            return {**change, **_shown(update, emitter)}

        return step

    async def _scene(
        self, state: State, runtime: Runtime[Any], emitter: StudioEmitter
    ) -> tuple[Scene, State]:
        setup = runtime.context or Setup()
        speakers = await self._cast_of(setup.model)
        change = changes(state, setup, speakers)
        _models_unheard()
        return Scene(_merged(state, change), runtime, speakers, emitter), change

    async def _open(self, node: Node, scene: Scene) -> State:
        """A session, unless the conversation goes on: in chat mode each line is a run."""
        state, session = scene.state, scene.state.get("session") or {}
        update: State
        if session.get("bot") == scene.bot_key:
            done = state.get("turn", 0)
            asks_bot = await route_after_open(state) == "bot"
            update = {"end_reason": None, "closing": False, "sent": done + asks_bot}
        else:
            thread = scene.runtime.execution_info and scene.runtime.execution_info.thread_id
            known_as = thread if thread and thread not in self._told else str(uuid4())
            update = await scene.play(node, known_as)
            update["session"] = self._session(scene, known_as, update)
        return {**update, **_typed(state)}

    async def _bot(self, node: Node, scene: Scene) -> State:
        """A turn; a bot that is not where the transcript is hears it again, in a new session."""
        session = dict(scene.state.get("session") or {})
        said = scene.state.get("messages", [])
        before = tuple(said[at]["content"] if at >= 0 else "" for at in find_answered_lines(said))
        line = said[-1]["content"] if said else ""
        remembers = scene.speakers.bot(Scenario.read(scene.state["scenario"])).remembers
        told = self._told.get(session.get("known_as", ""))
        elsewhere = remembers and told is not None and not told.fits(before, line)
        if elsewhere or session.get("bot") != scene.bot_key:
            session = await self._retell(scene, len(before) if remembers else 0)
        known_as = session.get("known_as", "")
        self._told[known_as] = Told((*before, line), answered=False)
        update = await scene.play(node, known_as, session=session)
        self._told[known_as] = Told((*before, line))
        return {"session": session, **update}

    async def _retell(self, scene: Scene, total: int) -> dict[str, Any]:
        known_as = str(uuid4())
        scene.emitter.status(
            "forked", f"the bot is told {total} lines again, in a session of its own", lines=total
        )
        update = await scene.play(open_session, known_as, session={})
        session = self._session(scene, known_as, update)
        scenario = {**scene.state["scenario"], "replay": total}
        for done in range(total):
            replayed = await scene.play(
                replay_turn, known_as, session=session, scenario=scenario, replayed=done
            )
            session = replayed.get("session", session)
        return session

    def _session(self, scene: Scene, known_as: str, update: State) -> dict[str, Any]:
        self._told[known_as] = Told()
        return {**update["session"], "known_as": known_as, "bot": scene.bot_key}


async def _as_it_is(node: Node, scene: Scene) -> State:
    known_as = (scene.state.get("session") or {}).get("known_as")
    return await scene.play(node, known_as)


def changes(state: State, setup: Setup, speakers: Speakers) -> State:
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


def _shown(update: State, emitter: StudioEmitter) -> State:
    """The update with its lines told, and plain to read in the `updates` stream."""
    said: Any = update.get("messages")
    lines: Any = tuple(said["said"]) if isinstance(said, dict) else ()
    emitter.said(lines)
    return {**update, "messages": lines} if lines else update


def _typed(state: State) -> State:
    """The line that a run was given is the person's in its turn; what stood before it was given."""
    said = state.get("messages", [])
    if not said or said[-1]["role"] != "user" or said[-1]["origin"] != "given":
        return {}
    typed: Message = {**said[-1], "origin": "human", "turn": state.get("turn", 0) + 1}
    lines: Any = Overwrite([*said[:-1], typed])
    return {"messages": lines}


def _merged(state: State, change: State) -> State:
    scenario = {**(state.get("scenario") or {}), **change.get("scenario", {})}
    return {**state, **change, "scenario": scenario}


def _models_unheard() -> None:
    """A model's own tokens stay out of `messages`: the emitter tells them under the line's id."""
    config = get_config()
    tags = [*(config.get("tags") or []), TAG_NOSTREAM]
    var_child_runnable_config.set({**config, "tags": tags})

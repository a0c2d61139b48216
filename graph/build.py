"""The conversation graph, on one screen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph

from core import tracing
from core.rules import (
    AskLookup,
    Next,
    route_after_bot,
    route_after_open,
    route_after_replay,
    route_after_user,
    route_by_lookup,
)
from core.rules import Route as Choose
from core.scenario import Scenario
from core.state import State
from nodes.bot import run_bot_turn
from nodes.context import RunContext
from nodes.open import open_session
from nodes.replay import replay_turn
from nodes.retrieve import retrieve_passages
from nodes.speakers.registry import Speakers
from nodes.user import run_user_turn

Node = Callable[..., Awaitable[State]]
"""What speaks in a step: `(state, runtime)` → its update of the state."""

NODES: Mapping[str, Node] = {
    "open": open_session,
    "replay": replay_turn,
    "retrieve": retrieve_passages,
    "bot": run_bot_turn,
    "user": run_user_turn,
}


def builder(
    nodes: Mapping[str, Node] | None = None,
    *,
    looks_up: AskLookup | None = None,
    context_schema: type[Any] = RunContext,
    **schemas: type[Any],
) -> StateGraph[Any, Any, Any, Any]:
    """The graph, not yet compiled: who compiles it brings the checkpointer.

    START → open → (replay ⟲) → (retrieve →) bot ⇄ user → END. `looks_up` says which conversations'
    bots look things up; without it there is no such step. `nodes` stand in the place of the
    product's, `schemas` narrow input and output.
    """
    nodes = nodes or {name: tracing.step(name, node) for name, node in NODES.items()}
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(
        State, context_schema=context_schema, **schemas
    )

    def add(name: str, **metadata: str) -> None:
        graph.add_node(name, nodes[name], metadata=metadata)

    add("open", does="opens the bot's session")
    add("replay", speaker="bot", does="tells a fork's bot the recorded lines again")
    add("bot", speaker="bot", does="one turn of the bot under test")
    add("user", speaker="user", does="a line of the simulated, scripted or human user")
    to_bot = ["bot"]
    if looks_up:
        to_bot = ["retrieve", "bot"]
        add("retrieve", speaker="bot", does="looks up what the bot knows")
        graph.add_edge("retrieve", "bot")

    def connect(name: str, choose: Choose, steps: list[str]) -> None:
        choose = route_by_lookup(choose, looks_up) if looks_up else choose
        graph.add_conditional_edges(name, Route(choose), steps)

    graph.add_edge(START, "open")
    connect("open", route_after_open, ["replay", *to_bot, "user"])
    connect("replay", route_after_replay, ["replay", *to_bot, "user"])
    connect("bot", route_after_bot, ["user", END])
    connect("user", route_after_user, [*to_bot, END])
    return graph


def find_lookup(speakers: Speakers) -> AskLookup | None:
    """Which conversations' bots look things up; None where no bot does."""
    if not speakers.have_knowledge:
        return None
    return lambda state: speakers.looks_up(Scenario.read(state["scenario"]))


class Route(Runnable[State, Next]):
    """A routing function as it is. LangGraph would trace it as a run, in a task of its own."""

    def __init__(self, choose: Callable[[State], Awaitable[Next]]) -> None:
        self.name = choose.__name__
        self._choose = choose

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        raise NotImplementedError("the graph is driven from asyncio only")

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        return await self._choose(input)

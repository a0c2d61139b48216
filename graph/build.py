"""The conversation graph, on one screen."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph

from core import tracing
from core.rules import Next, route_after_bot, route_after_open, route_after_replay, route_after_user
from core.state import State
from nodes.bot import run_bot_turn
from nodes.context import RunContext
from nodes.open import open_session
from nodes.replay import replay_turn
from nodes.user import run_user_turn

Node = Callable[..., Awaitable[State]]
"""What speaks in a step: `(state, runtime)` → its update of the state."""

NODES: Mapping[str, Node] = {
    "open": open_session,
    "replay": replay_turn,
    "bot": run_bot_turn,
    "user": run_user_turn,
}


def builder(
    nodes: Mapping[str, Node] | None = None,
    *,
    context_schema: type[Any] = RunContext,
    **schemas: type[Any],
) -> StateGraph[Any, Any, Any, Any]:
    """The graph, not yet compiled: who compiles it brings the checkpointer.

    START → open → (replay ⟲) → bot ⇄ user → END. `nodes` stand in the place of the product's,
    `schemas` narrow input and output.
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
    graph.add_edge(START, "open")
    graph.add_conditional_edges("open", Route(route_after_open), ["replay", "bot", "user"])
    graph.add_conditional_edges("replay", Route(route_after_replay), ["replay", "bot", "user"])
    graph.add_conditional_edges("bot", Route(route_after_bot), ["user", END])
    graph.add_conditional_edges("user", Route(route_after_user), ["bot", END])
    return graph


class Route(Runnable[State, Next]):
    """A routing function as it is. LangGraph would trace it as a run, in a task of its own."""

    def __init__(self, choose: Callable[[State], Awaitable[Next]]) -> None:
        self.name = choose.__name__
        self._choose = choose

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        raise NotImplementedError("the graph is driven from asyncio only")

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        return await self._choose(input)

"""The conversation graph, on one screen."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from core import tracing
from core.rules import Next, route_after_bot, route_after_open, route_after_replay, route_after_user
from core.state import State
from nodes.bot import run_bot_turn
from nodes.context import AnyContext, Context, RunContext
from nodes.open import open_session
from nodes.replay import replay_turn
from nodes.speakers.registry import Speakers
from nodes.user import run_user_turn

Node = Callable[..., Any]
"""What speaks in a step: `(state, runtime, speakers, context_of)` → its update."""


def _as_it_is(_name: str, node: Node) -> Node:
    """The default."""
    return node


def of_run(runtime: Runtime[Any]) -> Context:
    """The product's own runs hand their nodes a `Directions`."""
    context: Context = runtime.context
    return context


class Route(Runnable[State, Next]):
    """A routing function as it is. LangGraph would trace it as a run, in a task of its own."""

    def __init__(self, choose: Callable[[State], Awaitable[Next]]) -> None:
        self.name = choose.__name__
        self._choose = choose

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        raise NotImplementedError("the graph is driven from asyncio only")

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Next:
        return await self._choose(input)


def builder(
    speakers: Speakers,
    *,
    context_schema: type[Any] = RunContext,
    context_of: AnyContext = of_run,
    around: Callable[[str, Node], Node] = _as_it_is,
    **schemas: type[Any],
) -> StateGraph[Any, Any, Any, Any]:
    """The graph, not yet compiled: who compiles it brings the checkpointer.

    START → open → (replay ⟲) → bot ⇄ user → END; `schemas` narrow input and output, `around`
    may give a node more to do.
    """
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(
        State, context_schema=context_schema, **schemas
    )

    def add(name: str, node: Node, **metadata: str) -> None:
        step = partial(
            tracing.step(name, around(name, node)), speakers=speakers, context_of=context_of
        )
        graph.add_node(name, step, metadata=metadata)

    add("open", open_session, does="opens the bot's session")
    add("replay", replay_turn, speaker="bot", does="tells a fork's bot the recorded lines again")
    add("bot", run_bot_turn, speaker="bot", does="one turn of the bot under test")
    add(
        "user",
        run_user_turn,
        speaker="user",
        does="a line of the simulated, scripted or human user",
    )
    graph.add_edge(START, "open")
    graph.add_conditional_edges("open", Route(route_after_open), ["replay", "bot", "user"])
    graph.add_conditional_edges("replay", Route(route_after_replay), ["replay", "bot", "user"])
    graph.add_conditional_edges("bot", Route(route_after_bot), ["user", END])
    graph.add_conditional_edges("user", Route(route_after_user), ["bot", END])
    return graph

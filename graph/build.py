"""The conversation graph, on one screen."""

from functools import partial
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from graph.edges import after_bot, after_open, after_replay, after_user
from graph.state import State
from nodes.bot import bot_speaks
from nodes.cast import Cast
from nodes.context import AnyContext, Context, Directions
from nodes.open import open_session
from nodes.replay import replay_turn
from nodes.user import user_speaks


def of_run(runtime: Runtime[Any]) -> Context:
    """The product's own runs hand their nodes a `Directions`."""
    context: Context = runtime.context
    return context


def builder(
    cast: Cast,
    *,
    context_schema: type[Any] = Directions,
    context_of: AnyContext = of_run,
    **schemas: type[Any],
) -> StateGraph[Any, Any, Any, Any]:
    """The graph, not yet compiled: who compiles it brings the checkpointer.

    START → open → (replay ⟲) → bot ⇄ user → END; `schemas` narrow input and output.
    """
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(
        State, context_schema=context_schema, **schemas
    )

    def add(name: str, node: Any, **metadata: str) -> None:
        graph.add_node(name, partial(node, cast=cast, context_of=context_of), metadata=metadata)

    add("open", open_session, does="opens the bot's session")
    add("replay", replay_turn, speaker="bot", does="tells a fork's bot the recorded lines again")
    add("bot", bot_speaks, speaker="bot", does="one turn of the bot under test")
    add("user", user_speaks, speaker="user", does="a line of the simulated, scripted or human user")
    graph.add_edge(START, "open")
    graph.add_conditional_edges("open", after_open)
    graph.add_conditional_edges("replay", after_replay)
    graph.add_conditional_edges("bot", after_bot)
    graph.add_conditional_edges("user", after_user)
    return graph

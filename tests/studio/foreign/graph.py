"""A graph that somebody else wrote, as far as Duologue knows: it says what it heard so far."""

from typing import Any, TypedDict

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime


class Context(TypedDict, total=False):
    """What a run is given."""

    shop: str


async def answer(state: MessagesState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Counts the person's lines and repeats them."""
    heard = [str(line.content) for line in state["messages"] if line.type == "human"]
    shop = (runtime.context or {}).get("shop", "no shop")
    return {"messages": [AIMessage(f"{shop}: {len(heard)} {'/'.join(heard)}")]}


graph = (
    StateGraph(MessagesState, context_schema=Context)
    .add_node(answer)
    .add_edge(START, "answer")
    .compile()
)

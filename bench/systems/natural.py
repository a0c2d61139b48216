"""LangGraph as its documentation shows it: `ainvoke`, ChatOpenAI, httpx, AsyncSqliteSaver."""

import tempfile
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
import uvloop
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

from bench.load import (
    INIT,
    SYSTEM,
    WEBHOOK,
    Options,
    Tally,
    options,
    raise_file_limit,
    tell,
    window,
)


class State(MessagesState):
    id: str
    turn: int
    turns: int


def builder(http: httpx.AsyncClient, given: Options, tally: Tally) -> StateGraph[State]:
    model = ChatOpenAI(model="bench", base_url=f"{given.llm}/v1", api_key="bench")

    async def opened(state: State) -> dict[str, Any]:
        opening = {"bot_id": 16, "conversation_id": state["id"], "input_slots": {}}
        (await http.post(given.robot + INIT, json=opening)).raise_for_status()
        return {"turn": 0}

    async def user(state: State) -> dict[str, Any]:
        flipped = [
            (AIMessage if line.type == "human" else HumanMessage)(line.content)
            for line in state["messages"]
        ]
        said = await model.ainvoke([SystemMessage(SYSTEM), *(flipped or [HumanMessage("Begin.")])])
        return {"messages": [HumanMessage(said.content)]}

    async def bot(state: State) -> dict[str, Any]:
        body = {"conversation_id": state["id"], "message": state["messages"][-1].content}
        reply = (await http.post(given.robot + WEBHOOK, json=body)).json()["data"]["message"]
        tally.turn()
        return {"messages": [AIMessage(reply)], "turn": state["turn"] + 1}

    def after(state: State) -> Literal["user", "__end__"]:
        return END if state["turn"] >= state["turns"] else "user"

    graph = StateGraph(State)
    graph.add_node("open", opened)
    graph.add_node("user", user)
    graph.add_node("bot", bot)
    graph.add_edge(START, "open")
    graph.add_edge("open", "user")
    graph.add_edge("user", "bot")
    graph.add_conditional_edges("bot", after)
    return graph


async def main(given: Options) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "natural.db")
        async with (
            httpx.AsyncClient(limits=limits, timeout=120) as http,
            AsyncSqliteSaver.from_conn_string(path) as saver,
        ):
            tally = Tally()
            graph = builder(http, given, tally).compile(checkpointer=saver)

            async def one(_tally: Tally, turns: int) -> None:
                id = str(uuid4())
                config = {"configurable": {"thread_id": id}, "recursion_limit": 1000}
                await graph.ainvoke({"id": id, "messages": [], "turns": turns}, config)

            tell(await window(one, given, tally=tally))


if __name__ == "__main__":
    raise_file_limit(10_000)
    uvloop.run(main(options(__doc__ or "")))

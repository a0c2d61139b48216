"""Our checkpoints are LangGraph's: the stock saver reads the same file and says the same."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from core.state import reduce_messages, reduce_scenario
from graph.storage.opening import Storage, open_storage
from graph.storage.sqlite.checkpoints import SqliteCheckpoints

Graph = CompiledStateGraph[Any, Any, Any, Any]


class Talk(TypedDict, total=False):
    """Two delta channels that take snapshots often, and a plain one."""

    messages: Annotated[list[dict[str, Any]], DeltaChannel(reduce_messages, snapshot_frequency=3)]
    scenario: Annotated[dict[str, Any], DeltaChannel(reduce_scenario, snapshot_frequency=5)]
    rare: Annotated[list[dict[str, Any]], DeltaChannel(reduce_messages, snapshot_frequency=4000)]
    turn: int


async def bot(state: Talk) -> Talk:
    turn = state.get("turn", 0) + 1
    said = {"content": f"Câu {turn} \ufffd 👩\u200d🏫", "turn": turn}
    update: Talk = {"turn": turn, "messages": {"said": [said]}, "rare": {"said": [said]}}  # type: ignore[typeddict-item]
    if turn % 4 == 0:
        update["scenario"] = {"turn": turn}
    return update


async def user(state: Talk) -> Talk:
    answer = interrupt("?") if state["turn"] == 3 else "đây"
    return {"messages": {"said": [{"content": answer}]}}  # type: ignore[typeddict-item]


async def goes_on(state: Talk) -> str:
    return "user" if state["turn"] < 11 else END


def compiled(saver: AsyncSqliteSaver) -> Graph:
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Talk)
    graph.add_node("bot", bot)
    graph.add_node("user", user)
    graph.add_edge(START, "bot")
    graph.add_conditional_edges("bot", goes_on, ["user", END])
    graph.add_edge("user", "bot")
    return graph.compile(checkpointer=saver)


def place(thread: str, checkpoint: str | None = None) -> RunnableConfig:
    found = {"thread_id": thread, "checkpoint_ns": ""}
    return {"configurable": {**found, **({"checkpoint_id": checkpoint} if checkpoint else {})}}


@pytest.fixture
async def storage(tmp_database: Path) -> AsyncIterator[Storage]:
    async with open_storage(f"sqlite:///{tmp_database}") as storage:
        yield storage


@pytest.fixture
async def stock(storage: Storage) -> AsyncIterator[AsyncSqliteSaver]:
    async with AsyncSqliteSaver.from_conn_string(str(storage.database.path)) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        yield saver


async def talked(saver: SqliteCheckpoints) -> None:
    """Thread `a` to its end over an interrupt, with a branch from its middle; `b` interrupted."""
    graph = compiled(saver)
    for thread in ("a", "b"):
        await graph.ainvoke({"scenario": {"bot_id": 16}}, place(thread), durability="sync")
        await saver.settle(thread)
    await graph.ainvoke(Command(resume="Tôi đây"), place("a"), durability="sync")
    await saver.settle("a")
    history = [one async for one in graph.aget_state_history(place("a"))]
    middle = history[len(history) // 2].config
    branch = await graph.aupdate_state(middle, {"scenario": {"forked": True}}, as_node="bot")
    await graph.ainvoke(None, branch, durability="sync")
    await saver.settle("a")


async def everything(saver: AsyncSqliteSaver, thread: str) -> list[Any]:
    return [one async for one in saver.alist(place(thread))]


@pytest.mark.parametrize("thread", ["a", "b", "nobody"])
async def test_both_savers_answer_alike_on_one_file(
    storage: Storage, stock: AsyncSqliteSaver, thread: str
) -> None:
    ours = storage.checkpoints
    await talked(ours)
    assert await ours.aget_tuple(place(thread)) == await stock.aget_tuple(place(thread))
    kept = await everything(ours, thread)
    assert kept == await everything(stock, thread)
    channels = ["messages", "scenario", "rare", "unknown"]
    for one in kept:
        where = one.config
        assert await ours.aget_tuple(where) == await stock.aget_tuple(where)
        told = await ours.aget_delta_channel_history(config=where, channels=channels)
        wanted = await stock.aget_delta_channel_history(config=where, channels=channels)
        assert told == wanted
    assert bool(kept) == (thread != "nobody")


@pytest.mark.parametrize("thread", ["a", "b"])
async def test_a_graph_sees_the_same_states_through_either(
    storage: Storage, stock: AsyncSqliteSaver, thread: str
) -> None:
    await talked(storage.checkpoints)
    ours, theirs = compiled(storage.checkpoints), compiled(stock)
    mine = [one async for one in ours.aget_state_history(place(thread))]
    same = [one async for one in theirs.aget_state_history(place(thread))]
    assert mine == same
    assert (await ours.aget_state(place(thread))).values == mine[0].values
    assert bool((await ours.aget_state(place(thread))).interrupts) == (thread == "b")


async def test_a_branch_knows_its_own_past_and_the_trunk_is_untouched(storage: Storage) -> None:
    await talked(storage.checkpoints)
    graph = compiled(storage.checkpoints)
    ends = [one.values async for one in graph.aget_state_history(place("a")) if not one.next]
    assert len(ends) == 2
    forked, trunk = ends
    assert forked["scenario"]["forked"] is True
    assert "forked" not in trunk["scenario"]
    for values in ends:
        turns = [line["turn"] for line in values["messages"] if "turn" in line]
        assert turns == list(range(1, 12))


async def test_writes_are_stored_with_their_step_or_when_the_run_ends(storage: Storage) -> None:
    saver = storage.checkpoints
    where = {**place("t"), "metadata": {}}
    first = await saver.aput(where, empty_checkpoint(), {}, {})  # type: ignore[typeddict-item]
    await saver.aput_writes(first, [("messages", "một")], "task")
    assert (await saver.aget_tuple(first)).pending_writes == []  # type: ignore[union-attr]
    await saver.settle("t")
    found = await saver.aget_tuple(first)
    assert found is not None
    assert found.pending_writes == [("task", "messages", "một")]
    await saver.aput_writes(first, [("messages", "hai")], "task")
    await saver.settle("t")
    again = await saver.aget_tuple(first)
    assert again is not None
    assert again.pending_writes == [("task", "messages", "một")]


async def test_a_deleted_thread_leaves_nothing(storage: Storage) -> None:
    await talked(storage.checkpoints)
    await storage.checkpoints.adelete_thread("a")
    assert await everything(storage.checkpoints, "a") == []
    assert await everything(storage.checkpoints, "b")
    for table in ("checkpoints", "writes"):
        found = await storage.database.read(f"SELECT DISTINCT thread_id FROM {table}")
        assert found == [("b",)]


async def test_nothing_but_plain_data_is_read_from_disk(storage: Storage) -> None:
    saver = storage.checkpoints
    await talked(saver)
    with contextlib.closing(sqlite3.connect(storage.database.path)) as other:
        kinds = {kind for (kind,) in other.execute("SELECT DISTINCT type FROM checkpoints")}
        kinds |= {kind for (kind,) in other.execute("SELECT DISTINCT type FROM writes")}
        assert kinds <= {"msgpack", "null", "empty", "bytes"}
        other.execute("UPDATE checkpoints SET type = 'pickle', checkpoint = x'80'")
        other.commit()
    with pytest.raises(Exception, match=r"(?i)pickle|unknown|serialization"):
        await saver.aget_tuple(place("b"))


async def test_writes_that_a_checkpoint_holds_the_values_of_are_not_stored_beside_it(
    storage: Storage,
) -> None:
    await talked(storage.checkpoints)
    found = await storage.database.read("SELECT DISTINCT channel FROM writes WHERE thread_id = 'a'")
    channels = {channel for (channel,) in found}
    assert {"messages", "rare"} <= channels  # put together from their writes
    assert "turn" not in channels

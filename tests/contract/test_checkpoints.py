"""What LangGraph stores comes back as it was, in every database."""

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph

from graph.storage.port import ConversationStorage
from tests.contract.worlds import World, add, as_storage

TEXT = "nước ép “cam” \0 🥤"


def extend(before: list[str], after: Sequence[list[str]]) -> list[str]:
    return [*before, *(line for some in after for line in some)]


class State(TypedDict):
    lines: Annotated[list[str], DeltaChannel(extend)]
    count: Annotated[int, operator.add]
    note: Any
    text: str
    share: float


async def speak(state: State) -> dict[str, Any]:
    count = state["count"] + 1
    return {
        "lines": [f"{TEXT} {count}"],
        "count": 1,
        "note": {"of": [count, None, TEXT]},
        "text": TEXT,
        "share": 0.5,
    }


async def onward(state: State) -> str:
    return END if state["count"] in (5, 10) else "speak"


@pytest.fixture
def compiled(storage: ConversationStorage) -> Any:
    builder = StateGraph(State)
    builder.add_node("speak", speak)
    builder.add_edge(START, "speak")
    builder.add_conditional_edges("speak", onward)
    return builder.compile(checkpointer=storage.checkpoints)


def place(id: str) -> Any:
    return {"configurable": {"thread_id": id}, "recursion_limit": 1000}


START_STATE = {"lines": ["đầu"], "count": 0, "note": None}


async def test_a_state_comes_back_as_it_was_and_goes_on(
    storage: ConversationStorage, compiled: Any
) -> None:
    await add(storage, "0")
    done = await compiled.ainvoke(START_STATE, place("0"), durability="sync")
    state = await compiled.aget_state(place("0"))
    assert state.values == done
    assert state.values["lines"] == ["đầu", *(f"{TEXT} {n}" for n in range(1, 6))]
    assert state.values["note"] == {"of": [5, None, TEXT]}
    assert (state.values["text"], state.values["share"]) == (TEXT, 0.5)
    more = await compiled.ainvoke({"count": 1}, place("0"), durability="sync")
    assert (more["count"], len(more["lines"])) == (10, 10)


async def test_history_is_newest_first_and_each_step_is_as_it_was(
    storage: ConversationStorage, compiled: Any
) -> None:
    await add(storage, "0")
    await compiled.ainvoke(START_STATE, place("0"), durability="sync")
    found = [state async for state in compiled.aget_state_history(place("0"))]
    assert [len(state.values.get("lines", [])) for state in found] == [6, 5, 4, 3, 2, 1, 0]
    assert [state.values.get("count") for state in found[:6]] == [5, 4, 3, 2, 1, 0]
    ids = [state.config["configurable"]["checkpoint_id"] for state in found]
    assert ids == sorted(ids, reverse=True)
    some = [state async for state in compiled.aget_state_history(place("0"), limit=2)]
    assert [state.config for state in some] == [state.config for state in found[:2]]
    (older,) = [
        state async for state in compiled.aget_state_history(place("0"), before=found[-2].config)
    ]
    assert older.config == found[-1].config


async def test_another_branch_of_a_thread_leaves_the_first_one_as_it_was(
    storage: ConversationStorage, compiled: Any
) -> None:
    await add(storage, "0")
    await compiled.ainvoke(START_STATE, place("0"), durability="sync")
    before = [state async for state in compiled.aget_state_history(place("0"))]
    await compiled.aupdate_state(before[3].config, {"note": "anders", "lines": ["anders"]})
    assert (await compiled.aget_state(place("0"))).values["note"] == "anders"
    for state in before:
        assert (await compiled.aget_state(state.config)).values == state.values


async def test_a_long_thread_is_read_whole(storage: ConversationStorage, compiled: Any) -> None:
    await add(storage, "0")
    await compiled.ainvoke({**START_STATE, "count": -195}, place("0"), durability="sync")
    state = await compiled.aget_state(place("0"))
    assert state.values["lines"] == ["đầu", *(f"{TEXT} {n}" for n in range(-194, 6))]


async def test_what_was_pending_at_a_kill_is_not_there_and_the_rest_is(
    world: World, storage: ConversationStorage, compiled: Any
) -> None:
    await add(storage, "0")
    await compiled.ainvoke(START_STATE, place("0"), durability="sync")
    before = await storage.checkpoints.aget_tuple(place("0"))
    assert before is not None
    await storage.checkpoints.aput_writes(before.config, [("note", "verloren")], "task")
    other = await world.open()
    found = await other.checkpoints.aget_tuple(place("0"))
    assert found is not None
    assert found.checkpoint == before.checkpoint
    assert found.pending_writes == before.pending_writes


@pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_what_is_deleted_has_no_row_in_any_table(
    world: World, storage: ConversationStorage, compiled: Any
) -> None:
    for id in ("kept", "deleted"):
        await add(storage, id)
        await compiled.ainvoke(START_STATE, {"configurable": {"thread_id": id}}, durability="sync")
    await storage.catalogue.delete("deleted")
    database = as_storage(storage).database
    for table in database.checkpoint_tables:
        rows = await database.read(f"SELECT DISTINCT thread_id FROM {table}")
        assert rows == [("kept",)], table

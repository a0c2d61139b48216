"""LangGraph's own savers read, drive and change our conversations, and ours go on."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from core.ends import Status
from core.events import SilentEmitter
from graph.build import builder
from graph.runs.service import RunService
from nodes.context import RunContext
from tests.integration.engine.house import House, assert_exact, create, read_lines, wait_for_rest
from tests.servers.database import ON_POSTGRES, databases
from tests.servers.robot import RobotServer


def _stock_saver(house: House) -> AbstractAsyncContextManager[Any]:
    if ON_POSTGRES:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        return AsyncPostgresSaver.from_conn_string(databases.url(house.database))
    return AsyncSqliteSaver.from_conn_string(str(house.database))


@asynccontextmanager
async def stock_graph(runs: RunService, house: House) -> AsyncIterator[Any]:
    async with _stock_saver(house) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        yield builder().compile(checkpointer=saver)


def place(id: str) -> Any:
    return {"configurable": {"thread_id": id}, "recursion_limit": 1000}


async def test_the_stock_saver_goes_on_with_ours_and_ours_with_its(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, bot_id=16, lines=[f"câu {n}" for n in range(1, 20)], max_turns=4)
        await runs.start(id, turns=2)
        await wait_for_rest(runs, id)
        async with stock_graph(runs, house) as graph:
            context = RunContext(runs.speakers, SilentEmitter())
            update = {"last_turn": None}
            await graph.aupdate_state(place(id), update, as_node="bot")
            state = await graph.ainvoke(None, place(id), context=context, durability="sync")
            assert state["turn"] == 4
            await graph.aupdate_state(place(id), {"scenario": {"max_turns": 5}}, as_node="bot")
            theirs = await graph.aget_state(place(id))
        ours = await runs.graph.aget_state(place(id))
        assert ours.config == theirs.config
        assert ours.values == theirs.values
        await runs.start(id)
        await wait_for_rest(runs, id)
        row = await runs.get(id)
        assert row.status in (Status.COMPLETED, Status.WAITING)
        await runs.start(id, turns=2)
        await wait_for_rest(runs, id)
        assert_exact(robot, id, await read_lines(runs, id), (await runs.get(id)).turn)
        assert (await runs.get(id)).turn > 4

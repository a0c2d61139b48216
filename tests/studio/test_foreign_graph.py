"""A bot that is a graph on a real `langgraph dev`: its context, its greeting, its own forks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from graph.runs.forks import fork
from graph.runs.service import RunService
from tests.integration.engine.house import House, create, follow_to_end, read_lines
from tests.studio.dev import foreign_server

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
BOT = """  g:
    kind: langgraph
    url: "{url}"
    memory: server_fork
    context: {{shop: "Shop {{{{bot_id}}}}"}}
    greets: true
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url() -> AsyncIterator[str]:
    async with foreign_server() as url:
        yield url


async def drive(runs: RunService, id: str) -> None:
    """Until it ends; a dev server that has just begun may be slow."""
    await runs.start(id)
    await follow_to_end(runs, id, 100)


async def test_the_server_forks_its_own_thread_and_hears_nothing_again(
    url: str, tmp_path: Path
) -> None:
    house = House(tmp_path, "http://127.0.0.1:9")
    house.add_bots(BOT.format(url=url))
    async with house.open(turn_timeout_s=30.0, init_timeout_s=30.0, attempts_total_s=60.0) as runs:
        first = await create(
            runs, bot_id="g", lines=["a", "b", "c"], max_turns=3, first_speaker="bot"
        )
        await drive(runs, first)
        said = [text for _, text in await read_lines(runs, first)]
        assert said == ["Shop g: 0 ", "a", "Shop g: 1 a", "b", "Shop g: 2 a/b", "c", said[-1]]
        made = await fork(runs, await runs.get(first), {"index": 4, "message": "X"})
        assert "server forks it" in made["warnings"][0]
        await drive(runs, made["conversation_id"])
        other = [text for _, text in await read_lines(runs, made["conversation_id"])]
        assert other == [*said[:5], "X", "Shop g: 3 a/b/X"]
        again = await runs.get(made["conversation_id"])
        made = await fork(runs, again, {"index": 2, "message": "Y"})
        await drive(runs, made["conversation_id"])
        last = [text for _, text in await read_lines(runs, made["conversation_id"])]
        assert last[:5] == [*said[:3], "Y", "Shop g: 2 a/Y"]

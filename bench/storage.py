"""What conversations weigh on disk, and how soon they are found again."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bench.processes import Mocks, service, settings
from core.ends import Status
from core.message import now
from core.scenario import Scenario
from core.settings import Settings
from graph.process import open_process
from graph.runs.service import RunService
from graph.storage.conversation import Conversation
from graph.storage.opening import open_storage


def size(path: Path) -> int:
    """Bytes of the database, what is still in the log moved into it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


async def hold_talk(runs: RunService, turns: int) -> str:
    id = await runs.create(Scenario(bot_id=16, max_turns=turns))
    await runs.start(id)
    follower = await runs.follow(id)
    async for frame in follower.frames():
        if frame.event == "done" and frame.data["turns"] != turns:
            raise RuntimeError(f"ended early: {frame.data}")
    return id


async def bytes_a_turn(folder: Path, mocked: Mocks, conversations: int, turns: int) -> float:
    """Database bytes a turn, for conversations of that length."""
    config = Settings.from_env(settings(folder, mocked.llm.url, mocked.robot.url))
    path = folder / "bench.db"
    async with open_process(config):
        pass
    empty = size(path)
    async with open_process(config) as runs:
        await asyncio.gather(*(hold_talk(runs, turns) for _ in range(conversations)))
    return (size(path) - empty) / (conversations * turns)


async def opening(folder: Path, mocked: Mocks, rounds: int = 3) -> dict[str, Any]:
    """Milliseconds to open the one conversation in `folder`, each time by a process new to it."""
    config = Settings.from_env(settings(folder, mocked.llm.url, mocked.robot.url))
    engine, http = [], []
    for _ in range(rounds):
        async with open_process(config) as runs:
            rows, _more = await runs.storage.catalogue.list_page(1)
            engine += await _time_calls(partial(runs.messages, rows[0].id), 1)
        http += await by_http(folder, mocked, f"/api/conversations/{rows[0].id}", 1)
    return {"engine_ms": engine, "http_ms": http}


async def fill(path: Path, conversations: int, clients: int = 7) -> None:
    """So many conversations of so many clients, or of nobody, in the database at `path`."""
    async with open_storage(f"sqlite:///{path}") as storage:
        for first in range(0, conversations, 500):
            rows = [_row(first + at, clients) for at in range(500)]
            await asyncio.gather(*(storage.catalogue.add(row) for row in rows))


async def listing(folder: Path, mocked: Mocks, conversations: int) -> dict[str, Any]:
    """Milliseconds for the first page of many conversations."""
    path = folder / "bench.db"
    await fill(path, conversations)
    async with open_storage(f"sqlite:///{path}") as storage:
        engine = await _time_calls(lambda: storage.catalogue.list_page(50), 20)
    times = await by_http(folder, mocked, "/api/conversations?limit=50", 20)
    return {"engine_ms": engine, "http_ms": times}


async def by_http(folder: Path, mocked: Mocks, path: str, count: int) -> list[float]:
    """Milliseconds of each of `count` requests to a service that was just started."""
    with_service = service(folder, mocked.llm.url, mocked.robot.url, DUOLOGUE_RESUME_ON_START="0")
    server = await asyncio.to_thread(with_service.__enter__)
    try:
        async with aiohttp.ClientSession(server.url) as http:

            async def get() -> None:
                async with http.get(path) as answer:
                    answer.raise_for_status()
                    await answer.read()

            # A service that was just started opens its connections with the first request.
            async with http.get("/api/conversations?limit=1") as answer:
                await answer.read()
            return await _time_calls(get, count)
    finally:
        await asyncio.to_thread(with_service.__exit__, None, None, None)


async def _time_calls(call: Callable[[], Awaitable[Any]], count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return times


def _row(at: int, clients: int) -> Conversation:
    return Conversation(
        id=f"00000000-0000-4000-8000-{at:012}",
        client_id=f"client-{at % clients}" if clients else None,
        bot_id="16",
        persona="learner",
        seat="simulated",
        status=Status.COMPLETED,
        end_reason="max_turns",
        turn=10,
        max_turns=10,
        runs=1,
        owner=None,
        in_flight=0,
        error=None,
        scenario={"bot_id": 16, "max_turns": 10, "user_prompt": "You are in a hurry. " * 10},
        parent_id=None,
        forked_at=None,
        created_at=now(),
        updated_at=now(),
    )

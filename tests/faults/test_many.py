"""A crowd: 100 streams at a signal, 200 runs at once, and storage that grows with turns only."""

import asyncio
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from time import monotonic

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, Zygote, events_of, line_of, write_lines
from tests.integration.api.whole import read_whole
from tests.servers.remote import Remote, robot_process
from tests.servers.robot import RobotCall, RobotServer, reply_to
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]


@pytest.fixture
async def robots(tmp_path: Path) -> AsyncIterator[Remote[RobotCall]]:
    """A robot in a process of its own, so that it does not compete with its callers."""
    async with robot_process() as remote:
        yield remote


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_with_100_open_streams_tears_none(
    zygote: Zygote, tmp_path: Path, robots: Remote[RobotCall], number: signal.Signals
) -> None:
    await robots.set(delay=0.2)
    async with Service(zygote, tmp_path / "s", robots.url) as service:
        ids = [await service.begin(40) for _ in range(20)]
        streams = [
            asyncio.ensure_future(read_whole(service.port, events_of(id)))
            for id in ids
            for _ in range(5)
        ]
        await asyncio.sleep(1.5)
        assert not [stream for stream in streams if stream.done()]
        began = monotonic()
        service.process.signal(number)
        assert await service.process.wait(15) == 0
        assert monotonic() - began <= 10
        told = await asyncio.gather(*streams)
        for frames in told:
            heard = Heard.of(frames)
            assert heard.events[-1] == "done"
            assert heard.done[0]["status"] == "interrupted"
            assert not heard.differing
            assert len(heard.told) >= 2
        await robots.set(delay=0.0)
        await service.process.close()
        await service.start()
        for number_of, id in enumerate(ids):
            done = await service.until(id, "completed", within=60)
            assert [line["content"] for line in done["history"][::2]] == write_lines(40)
            heard = Heard.of(told[5 * number_of])
            for frame in await service.follow(id, heard.last):
                heard.take(frame)
            heard.must_be(done["history"])


@pytest.mark.timeout(180)
async def test_200_runs_at_once_all_finish_while_health_stays_quick(
    zygote: Zygote, tmp_path: Path, robots: Remote[RobotCall]
) -> None:
    await robots.set(delay=0.3)
    async with Service(zygote, tmp_path / "s", robots.url) as service:
        await service.until(await service.begin(1), "completed")
        rss = service.process.rss()
        took: list[float] = []
        watching = asyncio.ensure_future(watch_health(service, took))
        ids = await asyncio.gather(*(service.begin(10) for _ in range(200)))
        for id in ids:
            done = await service.until(id, "completed", within=120)
            said = [s for n in range(1, 11) for s in (line_of(n), reply_to(n, line_of(n)))]
            assert [line["content"] for line in done["history"]] == said
        watching.cancel()
        grown = service.process.rss() - rss
    calls = await robots.calls()
    per_key = Counter(call.key for call in calls if call.op == "turn")
    assert set(per_key.values()) == {1}
    assert len(per_key) == 2001
    assert not [call for call in calls if call.overlapped]
    assert quantiles(took, n=20)[-1] <= 0.5, sorted(took)[-5:]
    assert grown <= 400_000_000


async def watch_health(service: Service, took: list[float]) -> None:
    while True:
        began = monotonic()
        assert (await service.ask("GET", "/health")).status == 200
        took.append(monotonic() - began)
        await asyncio.sleep(0.05)


@pytest.mark.timeout(180)
async def test_storage_grows_with_turns_and_not_with_their_square(
    opened: Opened, robot: RobotServer
) -> None:
    per_turn = {}
    for turns in (60, 240):
        robot.fail("text", text="x" * 280)
        service = await opened()
        said = [f"{n} ".ljust(280, "y") for n in range(turns)]
        id = await service.begin(turns, lines=said)
        await service.until(id, "completed", within=60)
        connection = sqlite3.connect(service.database, timeout=10)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        per_turn[turns] = service.database.stat().st_size / turns
        await service.process.close()
    assert per_turn[240] <= 1.6 * per_turn[60], per_turn
    assert per_turn[240] <= 12_000


async def test_a_database_locked_for_3_seconds_costs_no_turn(
    opened: Opened, robot: RobotServer
) -> None:
    robot.set(delay=0.05)
    service = await opened()
    ids = [await service.begin(8) for _ in range(5)]
    listening = [asyncio.ensure_future(service.listen(id)) for id in ids]
    await service.turns_done(ids[0], 2)
    connection = sqlite3.connect(service.database, isolation_level=None, timeout=10)
    connection.execute("BEGIN EXCLUSIVE")
    began = monotonic()
    while monotonic() - began < 3.0:
        answer = await service.ask("GET", "/health")
        assert answer.status == 200
        await asyncio.sleep(0.1)
    connection.execute("COMMIT")
    connection.close()
    for id, heard in zip(ids, await asyncio.gather(*listening), strict=True):
        done = await service.show(id)
        assert done["status"] == "completed"
        said = [s for n in range(1, 9) for s in (line_of(n), reply_to(n, line_of(n)))]
        assert [line["content"] for line in done["history"]] == said
        heard.must_be(done["history"])
        assert not heard.errors
        assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in range(1, 9)]


async def test_create_and_start_wait_for_a_locked_database(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened()
    connection = sqlite3.connect(service.database, isolation_level=None, timeout=10)
    connection.execute("BEGIN EXCLUSIVE")
    asking = asyncio.ensure_future(service.begin(2))
    await asyncio.sleep(3.0)
    assert not asking.done()
    connection.execute("COMMIT")
    connection.close()
    await service.until(await asking, "completed")
    await wait_until(lambda: len(robot.calls) == 3)

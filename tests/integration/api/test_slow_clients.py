"""Clients that read documents or send requests too slowly are dropped and cost little."""

import asyncio
import json
import os
import resource
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import pytest

from tests.integration.api.service import Service
from tests.integration.api.test_readers import connect, open_sockets
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
MB = 1_000_000
HALVES = {
    "nothing": "",
    "headers": "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    "body": "POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    'Content-Length: 100\r\n\r\n{"bot_',
}
COUNTS = {"nothing": 1000, "headers": 1000, "body": 50}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["", "/events"])
async def test_twenty_readers_that_stop_at_50_mb_are_dropped_and_cost_little(
    opened: Opened, robot: RobotServer, what: str
) -> None:
    service = await opened(send_timeout_s="2")
    robot.fail("huge", size=1_250_000)
    id = await service.begin(41)

    async def done() -> bool:
        (row,) = (await service.get("/api/conversations"))["conversations"]
        return bool(row["status"] == "completed")

    await wait_until(done, 60, what="a long conversation")
    whole = await service.ask("GET", f"/api/conversations/{id}")
    assert len(whole.body) > 50 * MB
    assert len(json.loads(whole.body)["history"]) == 82
    before = service.process.rss()
    ask = f"GET /api/conversations/{id}{what} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sleepers = [connect(service, ask, 2048) for _ in range(20)]
    began, most = monotonic(), 0
    while open_sockets(service.process) and monotonic() - began < 150:
        most = max(most, service.process.rss() - before)
        await asyncio.sleep(0.1)
    dropped = service.log.count("reader dropped")
    assert not open_sockets(service.process), f"{dropped} dropped"
    assert most < 200 * MB, most
    assert (await service.ask("GET", "/health")).status == 200
    for sleeper in sleepers:
        sleeper.close()
    assert '"level":"error"' not in service.log, service.log[-2000:]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("half", HALVES)
async def test_half_sent_requests_are_dropped_and_cost_little(opened: Opened, half: str) -> None:
    service = await opened(receive_timeout_s="1")
    for pid in (os.getpid(), service.process.pid):
        allow_files(pid, 4096)
    before = service.process.rss()
    waiting = [connect(service, HALVES[half]) for _ in range(COUNTS[half])]
    most = 0

    async def all_dropped() -> bool:
        nonlocal most
        most = max(most, service.process.rss() - before)
        waiting[:] = [sock for sock in waiting if not is_dropped(sock)]
        return not waiting

    await wait_until(all_dropped, 60, what="every client dropped")
    await wait_until(lambda: not open_sockets(service.process), what="sockets closed")
    assert most < 200 * MB, most
    assert (await service.ask("GET", "/health")).status == 200
    assert '"level":"error"' not in service.log, service.log[-2000:]


def allow_files(pid: int, count: int) -> None:
    """Lets a process open so many files, where its hard limit has room for them."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))


def is_dropped(sock: socket.socket) -> bool:
    """Whether the server closed the connection; closes this end then."""
    sock.setblocking(False)
    with suppress(BlockingIOError):
        try:
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass
        sock.close()
        return True
    return False


async def test_a_sender_that_drips_is_dropped_too(opened: Opened) -> None:
    service = await opened(receive_timeout_s="1")
    sock = connect(service, HALVES["headers"])
    sock.settimeout(0.1)
    began = monotonic()
    with pytest.raises((ConnectionError, TimeoutError, socket.timeout)):  # noqa: PT012
        while monotonic() - began < 40:
            sock.sendall(b"x")
            await asyncio.sleep(0.1)
        pytest.fail("it may drip for ever")
    sock.close()


async def test_a_request_in_work_is_not_a_slow_one(opened: Opened, robot: RobotServer) -> None:
    service = await opened(receive_timeout_s="0.5")
    robot.set(delay=1.2)
    made = await service.ask("POST", "/api/simulate", {"bot_id": 16, "max_turns": 2})
    assert made.status == 200
    assert made.json["turn"] == 2

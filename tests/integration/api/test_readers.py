"""Readers that leave, break off or never read: nothing changes for anybody else."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, events_of, write_lines
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
LISTENING = "0A"
BODY = '{"bot_id": 16, "max_turns": 4}'


def connect(service: Service, request: str, receive_buffer: int = 0) -> socket.socket:
    """A bare connection on which a request was sent; a small buffer soon is full."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(("127.0.0.1", service.port))
    sock.sendall(request.encode())
    return sock


def posting(path: str, body: str = BODY) -> str:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
    )


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def conversations(service: Service) -> list[dict[str, Any]]:
    page = await service.get("/api/conversations", params={"limit": 200})
    found: list[dict[str, Any]] = page["conversations"]
    return found


@pytest.mark.parametrize("leave", [socket.socket.close, reset, lambda sock: None])
@pytest.mark.parametrize("path", ["/simulate", "/api/simulate"])
async def test_the_run_finishes_when_its_starter_leaves_at_once(
    service: Service, robot: RobotServer, path: str, leave: Callable[[socket.socket], None]
) -> None:
    held = robot.fail("hold", turn=1)
    sock = connect(service, posting(path))
    await wait_until(lambda: held.fired)
    leave(sock)
    robot.release()
    (row,) = await conversations(service)
    done = await service.until(row["conversation_id"], "completed")
    assert done["turn"] == 4
    assert len(robot.of(row["conversation_id"])) == 4
    sock.close()


async def test_a_hundred_clients_that_leave_leak_nothing(
    service: Service, robot: RobotServer
) -> None:
    id = await service.begin(2)
    await service.until(id, "completed")
    process = service.process
    files, rss = process.open_files(), process.rss()
    robot.set(delay=0.02)
    for n in range(100):
        sock = connect(service, posting(("/simulate", "/api/simulate")[n % 2]))
        if n % 3 == 2:
            await asyncio.sleep(0.005)
        (reset if n % 3 else socket.socket.close)(sock)
        await asyncio.sleep(0.01)
    await all_over(service)
    rows = await conversations(service)
    # A client may be gone before its request was read to the end; whatever began has finished.
    assert len(rows) >= 60
    assert {row["status"] for row in rows} == {"completed"}
    # Connections to the bot are kept for some seconds, to be used again; then they go too.
    await wait_until(lambda: process.open_files() - files <= 25)
    assert process.rss() - rss <= 200_000_000


async def all_over(service: Service) -> None:
    async def none() -> bool:
        states = {row["status"] for row in await conversations(service)}
        return not states & {"running", "created"}

    await wait_until(none, 30, what="no run is under way")


async def test_followers_that_come_and_go_leak_nothing(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2)
    id = await service.begin(3)
    await wait_until(lambda: held.fired)
    files = service.process.open_files()
    for _ in range(100):
        async with service.stream(events_of(id)) as stream:
            await anext(stream)
    await wait_until(lambda: service.process.open_files() <= files + 3)
    robot.release()
    await service.until(id, "completed")


async def test_a_reader_that_never_reads_is_dropped_and_delays_nobody(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(send_timeout_s="1", heartbeat_s="0.2")
    robot.fail("huge", size=900_000)
    id = await service.make(8)
    ask = f"GET {events_of(id)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sleepers = [connect(service, ask, 2048) for _ in range(5)]
    await wait_until(lambda: len(open_sockets(service.process)) == 5)
    rss = service.process.rss()
    following = asyncio.ensure_future(service.listen(id))
    began = monotonic()
    await service.run(id)
    await service.until(id, "completed")
    heard = await following
    took = monotonic() - began
    assert took < 60
    heard.must_be((await service.show(id))["history"])
    await wait_until(lambda: not open_sockets(service.process), 60, what="sockets closed")
    assert monotonic() - began < 120
    assert service.process.rss() - rss < 150_000_000
    for sleeper in sleepers:
        sleeper.close()


def open_sockets(process: Process) -> list[str]:
    """The far ends of the connections that the process holds on the port it listens on."""
    rows = sockets(process)
    ports = {row[1].split(":")[1] for row in rows if row[3] == LISTENING}
    return [row[2] for row in rows if row[3] != LISTENING and row[1].split(":")[1] in ports]


def sockets(process: Process) -> list[list[str]]:
    """The rows of the system's table that are this process's."""
    mine = set()
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            mine.add(str(link.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row for row in rows if f"socket:[{row[9]}]" in mine]


async def test_a_slow_reader_gets_everything(opened: Opened, robot: RobotServer) -> None:
    service = await opened(send_timeout_s="5")
    robot.fail("huge", size=300_000)
    id = await service.begin(4)
    heard = Heard()
    async with service.stream(events_of(id)) as stream:
        async for frame in stream:
            heard.take(frame)
            await asyncio.sleep(0.05)
    heard.must_be((await service.show(id))["history"])


async def test_twenty_readers_hear_the_same(service: Service, robot: RobotServer) -> None:
    robot.set(delay=0.01)
    id = await service.make(6)
    listening = [asyncio.ensure_future(service.listen(id)) for _ in range(20)]
    await service.run(id)
    history = (await service.until(id, "completed"))["history"]
    assert [line["content"] for line in history[::2]] == write_lines(6)
    for heard in await asyncio.gather(*listening):
        heard.must_be(history)

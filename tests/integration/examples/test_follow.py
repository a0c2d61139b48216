"""follow.py and follow.sh end with the exact transcript, whatever happens to the server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.examples.server import Server, robot, serving
from tests.servers.process import ROOT, Process
from tests.servers.remote import robot_process
from tests.servers.wait import wait_until

pytestmark = pytest.mark.timeout(150)  # servers are started twice, maybe on a busy machine
HARD = [
    'quotes " and \\ backslashes \\n that stay, a tab\tand an end \\"',
    "two\nlines, và tiếng Việt: quả đu đủ",
    "e\u0302\u0301 👩‍🏫 \u2028 \x85 \\u0041 %s $HOME `id` \\c",
]
FOLLOWERS = {
    "python": [sys.executable, "examples/follow.py"],
    "sh": ["sh", "examples/follow.sh"],
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """With a robot that outlives it and takes a moment for each reply."""
    async with (
        robot_process("--delay-ms", "60", "--honour-keys") as remote,
        serving(tmp_path, {"16": robot(remote.url)}) as server,
    ):
        yield server


@asynccontextmanager
async def following(server: Server, id: str) -> AsyncIterator[list[Process]]:
    """Both followers at once."""
    url = f"{server.url}/api/conversations/{id}/events"
    async with (
        Process([*FOLLOWERS["python"], url]) as python,
        Process([*FOLLOWERS["sh"], url]) as sh,
    ):
        yield [python, sh]


async def test_kill9_and_restart_in_mid_run(server: Server) -> None:
    id = await server.begin(bot_id=16, max_turns=14, lines=HARD)
    async with following(server, id) as followers:
        await server.turn(id, 4)
        await server.kill_and_restart()
        assert [await follower.wait(40) for follower in followers] == [0, 0]
    shown = await server.show(id)
    assert (shown["status"], shown["turn"]) == ("completed", 14)
    assert {follower.stdout for follower in followers} == {await server.transcript(id)}


async def test_server_that_stops_and_comes_back(server: Server) -> None:
    id = await server.begin(bot_id=16, max_turns=8, lines=HARD)
    async with following(server, id) as followers:
        await server.turn(id, 2)
        assert await server.terminate() == 0
        await server.close()
        await server.start()
        assert [await follower.wait(40) for follower in followers] == [0, 0]
    assert {follower.stdout for follower in followers} == {await server.transcript(id)}


async def test_the_ended_is_replayed_and_the_unknown_refused(server: Server) -> None:
    id = await server.begin(bot_id=16, max_turns=2, lines=HARD)
    await server.turn(id, 2)
    async with Process([*FOLLOWERS["python"], id, "--server", server.url]) as follower:
        assert await follower.wait(20) == 0
    assert follower.stdout == await server.transcript(id)
    async with following(server, "00000000-0000-4000-8000-000000000000") as followers:
        assert [await follower.wait(20) for follower in followers] == [2, 2]
    assert all("404" in follower.stderr for follower in followers)


async def test_an_interrupted_conversation_ends_with_1(tmp_path: Path) -> None:
    async with serving(tmp_path, {"16": robot("http://127.0.0.1:9")}) as server:
        id = await server.begin(bot_id=16, max_turns=1)
        async with following(server, id) as followers:
            assert [await follower.wait(20) for follower in followers] == [1, 1]
    assert all("bot_unreachable" in follower.stderr for follower in followers)


# --- text that becomes void, over a scripted stream -----------------------------------------------

STREAM = [
    ("token", {"content": "sẵn ", "role": "user", "index": 0}),
    ("discarded", {"text": "sẵn ", "why": "no", "index": 0, "role": "user"}),
    ("token", {"content": "dạ", "role": "user", "index": 0}),
    ("message", {"role": "user", "text": "dạ", "index": 0}),
    ("token", {"content": "Chà", "role": "assistant", "index": 1}),
    None,
    ("reset", {"index": 1, "role": None, "why": "a break"}),
    ("token", {"content": "Xin ", "role": "assistant", "index": 1}),
    None,
    ("token", {"content": "chào\u2028!", "role": "assistant", "index": 1}),
    ("message", {"role": "assistant", "text": "Xin chào\u2028!", "index": 1}),
    ("done", {"status": "completed", "end_reason": "max_turns", "turns": 1}),
]
"""None: the connection breaks."""


class Scripted:
    """Serves STREAM from behind the Last-Event-ID, up to the next break."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        last = next((x[14:].strip() for x in head.split("\r\n") if x[:14] == "last-event-id:"), "")
        self.asked.append(last)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: ping\n\n")
        at = int(last or -1) + 1
        at += STREAM[at] is None  # that break was had
        while at < len(STREAM) and (event := STREAM[at]):
            data = json.dumps(event[1], ensure_ascii=False, separators=(",", ":"))
            writer.write(f"id: {at}\nevent: {event[0]}\ndata: {data}\n\n".encode())
            at += 1
        writer.write(b'id: 99\nevent: token\ndata: {"con')  # torn: no event
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("name", FOLLOWERS)
async def test_void_text_is_not_in_the_transcript(name: str) -> None:
    script = Scripted()
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Process([*FOLLOWERS[name], f"{url}/events"]) as follower:
        assert await follower.wait(20) == 0
    assert follower.stdout == "User: dạ\nBot: Xin chào\u2028!\n"
    assert script.asked == ["", "4", "7"]


async def test_a_terminal_shows_pieces_as_they_come() -> None:
    server = await asyncio.start_server(Scripted(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    shell = f"{sys.executable} examples/follow.py {url}/events 2>/dev/null"
    async with server, Process(["script", "-qec", shell, "/dev/null"], cwd=ROOT) as follower:
        await wait_until(lambda: follower.returncode is not None, 20)
    shown = follower.stdout.replace("\r\n", "\n")
    assert shown == "User: sẵn  ✗\nUser: dạ\nBot: Chà ✗\nBot: Xin chào\u2028!\n"

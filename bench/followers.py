"""What followers of the service see: how soon, how completely, and when the server stops."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.processes import Server, service

TIMEOUT = aiohttp.ClientTimeout(total=120)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Heard:
    """What one follower was told."""

    id: str
    tokens: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    torn: bool = False

    def take(self, event: str, data: dict[str, Any]) -> None:
        if event == "token":
            self.tokens.append(data["content"])
        elif event == "message":
            self.messages.append(data["text"])
        elif event == "done":
            self.done.append(data)

    @property
    def complete(self) -> bool:
        """Every character came as a token and again in its message, and one `done` ended it."""
        return len(self.done) == 1 and "".join(self.tokens) == "".join(self.messages)


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    event = ""
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            event = text[7:]
        elif text.startswith("data: "):
            yield event, json.loads(text[6:])


async def create(http: aiohttp.ClientSession, turns: int) -> str:
    async with http.post("/api/conversations", json={"bot_id": 16, "max_turns": turns}) as answer:
        return str((await answer.json())["conversation_id"])


async def follow_to_end(http: aiohttp.ClientSession, id: str) -> Heard:
    heard = Heard(id)
    path = f"/api/conversations/{id}/runs"
    try:
        async with http.post(path, json={}, headers={"Accept": "text/event-stream"}) as answer:
            async for event, data in events(answer):
                heard.take(event, data)
    except (aiohttp.ClientError, OSError):
        heard.torn = True
    return heard


def session(server: Server) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(server.url, connector=connector, timeout=TIMEOUT)


# --- all of it ------------------------------------------------------------------------------------


async def measure_delivery(server: Server, conversations: int, turns: int) -> dict[str, Any]:
    """Live conversations with a follower each: whether every event reached every follower."""
    async with session(server) as http:
        ids = await asyncio.gather(*(create(http, turns) for _ in range(conversations)))
        before = server.rss_kb()
        began = time.monotonic()
        heard = await asyncio.gather(*(follow_to_end(http, id) for id in ids))
        took = time.monotonic() - began
        told = [await _told(http, each.id) for each in heard]
    whole = [
        one.complete and one.messages == text and len(text) == 2 * turns
        for one, text in zip(heard, told, strict=True)
    ]
    return {
        "conversations": conversations,
        "complete": sum(whole),
        "seconds": round(took, 2),
        "rss_more_mb": round((server.rss_kb() - before) / 1024, 1),
    }


async def _told(http: aiohttp.ClientSession, id: str) -> list[str]:
    async with http.get(f"/api/conversations/{id}") as answer:
        return [line["content"] for line in (await answer.json())["history"]]


# --- how soon -------------------------------------------------------------------------------------


class Stamped:
    """A model that remembers when it sent each first token, by a number in that token."""

    def __init__(self, first_s: float, between_s: float) -> None:
        self.sent: dict[str, float] = {}
        self._first_s, self._between_s = first_s, between_s

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                await self._stream(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._first_s)
        name = f"t{len(self.sent)}"
        self.sent[name] = time.monotonic()
        writer.write(HEAD + _chunk({"content": f"{name} begins "}))
        for at in range(19):
            await asyncio.sleep(self._between_s)
            writer.write(_chunk({"content": f"w{at} "}))
        writer.write(_chunk({}, "stop") + _frame(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _frame(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")


def _frame(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def first_token(folder: Path, robot: str, at_once: int, turns: int) -> dict[str, Any]:
    """Milliseconds from the model's first byte to the follower's first token, through HTTP."""
    model = Stamped(0.2, 0.02)
    listening = await asyncio.start_server(model.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    lags: list[float] = []

    async def follow(http: aiohttp.ClientSession, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        id, last = await create(http, turns), -1
        path = f"/api/conversations/{id}/runs"
        async with http.post(path, json={}, headers={"Accept": "text/event-stream"}) as answer:
            async for event, data in events(answer):
                if event == "token" and data["role"] == "user" and data["index"] != last:
                    last = data["index"]
                    lags.append(time.monotonic() - model.sent[data["content"].split(" ")[0]])

    with_service = service(folder, f"http://127.0.0.1:{port}", robot)
    server = await asyncio.to_thread(with_service.__enter__)
    try:
        async with session(server) as http:
            await asyncio.gather(*(follow(http, at / at_once) for at in range(at_once)))
    finally:
        await asyncio.to_thread(with_service.__exit__, None, None, None)
        listening.close()
    ordered = sorted(lag * 1000 for lag in lags)
    return {
        "median_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 2),
        "count": len(ordered),
    }


# --- the end --------------------------------------------------------------------------------------


async def measure_stop(server: Server, streams: int) -> dict[str, Any]:
    """SIGTERM with open streams in mid-run: exit code, seconds, streams that were torn."""
    async with session(server) as http:
        ids = await asyncio.gather(*(create(http, 50) for _ in range(streams)))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(follow_to_end(http, id)) for id in ids]
            await asyncio.sleep(2.5)
            began = time.monotonic()
            code = await asyncio.to_thread(server.stop)
            took = time.monotonic() - began
        heard = [task.result() for task in tasks]
    return {
        "exit_code": code,
        "seconds": round(took, 2),
        "torn": sum(one.torn or len(one.done) != 1 for one in heard),
        "said": sum(len(one.messages) for one in heard),
    }

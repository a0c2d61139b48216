"""People who watch a page, without their browsers: Gradio's own protocol, spoken directly.

Twenty browsers would measure the machine, not the server.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=300)


@dataclass
class Watched:
    """What one of them was sent until the end was seen."""

    updates: int = 0
    bytes: int = 0


async def watch(url: str, thread: str, until: str = "completed") -> Watched:
    """Opens the page at `url` (with /ui) on a conversation; leaves when it stands as `until`."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        session = token_hex(6)
        order = {
            "fn_index": await _follow(http, url),
            "session_hash": session,
            "data": [json.dumps({"thread": thread})],
        }
        async with http.post(f"{url}/gradio_api/queue/join", json=order) as joined:
            joined.raise_for_status()
        return await _watch(http, f"{url}/gradio_api/queue/data?session_hash={session}", until)


async def _follow(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(f"{url}/config") as answer:
        config = await answer.json()
    return next(int(one["id"]) for one in config["dependencies"] if one["types"]["generator"])


async def _watch(http: aiohttp.ClientSession, url: str, until: str) -> Watched:
    seen = Watched()
    async with http.get(url) as stream:
        async for size, message in _messages(stream):
            if message.get("msg") != "process_generating":
                continue
            seen.updates += 1
            seen.bytes += size
            if f'"stands": "{until}"' in str(message["output"]["data"]):
                return seen
    raise AssertionError("the page ended before the conversation")


async def _messages(
    stream: aiohttp.ClientResponse,
) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    rest = b""
    async for chunk in stream.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield len(line), json.loads(line[5:])


async def watched_by(count: int, url: str, thread: str) -> list[Watched]:
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(watch(url, thread)) for _ in range(count)]
    return [task.result() for task in made]

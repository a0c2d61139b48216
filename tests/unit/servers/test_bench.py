"""The bench servers speak well enough for real clients, and count right."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from tests.servers.host import free_port
from tests.servers.process import Process

ASKED: Any = [{"role": "user", "content": 'a "stream": true'}]
INIT = "/robot-ai-lesson/api/v1/bot/initConversation"
TURN = "/robot-ai-lesson/api/v1/bot/webhook"


async def bench_server(*options: str) -> AsyncIterator[str]:
    port = str(free_port())
    argv = ["python", "-m", "bench.servers", *options, "--port", port]
    async with Process(argv, ready="listening on"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(params=[("0", "0"), ("5", "1")], ids=["instant", "paced"])
async def llm_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    first, token = request.param
    async for url in bench_server("llm", "--first-ms", first, "--token-ms", token):
        yield url


@pytest.fixture
async def robot_url() -> AsyncIterator[str]:
    async for url in bench_server("robot", "--first-ms", "0"):
        yield url


async def get_stats(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/_stats") as answer:
        facts: dict[str, Any] = await answer.json()
        return facts


async def test_openai_client_reads_twenty_pieces_and_usage(llm_url: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{llm_url}/v1", api_key="-") as client:
        chunks = await client.chat.completions.create(
            model="bench", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        got = [chunk async for chunk in chunks]
        whole = await client.chat.completions.create(model="bench", messages=ASKED)
    said = [chunk.choices[0].delta.content for chunk in got[:-1]]
    assert len([piece for piece in said if piece]) == 20
    assert got[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"
    assert got[-1].usage == whole.usage
    assert (await get_stats(llm_url))["calls"] == {"stream": 1, "whole": 1}


async def test_robot_never_says_the_same_twice_running(robot_url: str) -> None:
    async with aiohttp.ClientSession(robot_url) as client:
        async with client.post(INIT, json={"bot_id": 16}) as answer:
            assert await answer.json() == {"status": 0, "msg": "Success"}
        said = [await reply(client) for _ in range(200)]
        async with client.post("/nowhere", json={}) as answer:
            assert answer.status == 404
    assert len(set(said)) == 200
    stats = await get_stats(robot_url)
    assert (stats["calls"], stats["lost"]) == ({"init": 1, "turn": 200}, 0)


async def reply(client: aiohttp.ClientSession) -> str:
    async with client.post(TURN, json={"conversation_id": "c", "message": "m"}) as answer:
        text: str = (await answer.json())["data"]["message"]
        return text


async def test_request_may_come_in_pieces_but_not_chunked(robot_url: str) -> None:
    body = json.dumps({"message": "x" * 200_000}).encode()
    head = f"POST {TURN} HTTP/1.1\r\nContent-length: {len(body)}\r\n\r\n".encode()
    port = int(robot_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in (head[:10], head[10:] + body[:7], body[7:]):
        writer.write(part)
        await writer.drain()
    assert b"200 OK" in await reader.readline()
    writer.write(f"POST {TURN} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    assert b"411 Length Required" in await reader.read()
    writer.close()
    await writer.wait_closed()

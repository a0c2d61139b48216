"""The floor: an aiohttp loop that streams and stores nothing."""

import json
from functools import partial
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import uvloop

from bench.load import (
    INIT,
    SYSTEM,
    WEBHOOK,
    Options,
    Tally,
    options,
    raise_file_limit,
    tell,
    window,
)


async def line(http: aiohttp.ClientSession, given: Options, said: list[dict[str, str]]) -> str:
    prompt = [{"role": "system", "content": SYSTEM}, *said]
    body = {"model": "bench", "messages": prompt, "stream": True}
    text = ""
    async with http.post(f"{given.llm}/v1/chat/completions", json=body) as answer:
        async for data in answer.content:
            if not data.startswith(b"data: {"):
                continue
            for choice in orjson.loads(data[6:])["choices"]:
                text += choice["delta"].get("content") or ""
    return text


async def talk(http: aiohttp.ClientSession, given: Options, tally: Tally, turns: int) -> None:
    id, said = str(uuid4()), [{"role": "user", "content": "Begin."}]
    opening = {"bot_id": 16, "conversation_id": id, "input_slots": {}}
    async with http.post(given.robot + INIT, json=opening) as answer:
        await answer.json()
    for _ in range(turns):
        text = await line(http, given, said)
        body = {"conversation_id": id, "message": text}
        async with http.post(given.robot + WEBHOOK, json=body) as answer:
            reply = (await answer.json())["data"]["message"]
        said += [{"role": "assistant", "content": text}, {"role": "user", "content": reply}]
        tally.turn()


async def main(given: Options) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, json_serialize=json.dumps) as http:
        facts: dict[str, Any] = await window(partial(talk, http, given), given)
        tell(facts)


if __name__ == "__main__":
    raise_file_limit(10_000)
    uvloop.run(main(options(__doc__ or "")))

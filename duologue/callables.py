"""A Python function as a bot: it answers over a loopback port, like any bot under test."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

BotFunction = Callable[[str, list[dict[str, str]]], str | Awaitable[str]]
"""Takes the user's line and the lines before it as `{"role", "content"}`; gives the reply."""


class _FunctionBot:
    def __init__(self, function: BotFunction) -> None:
        self._function = function
        self._said: dict[str, list[dict[str, str]]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        said = self._said.setdefault(asked["conversation_id"], [])
        line = str(asked["message"])
        reply = await self._call(line, [*said])
        said += [{"role": "user", "content": line}, {"role": "assistant", "content": reply}]
        return web.json_response({"reply": reply})

    async def _call(self, line: str, said: list[dict[str, str]]) -> str:
        if inspect.iscoroutinefunction(self._function):
            return str(await self._function(line, said))
        return str(await asyncio.to_thread(self._function, line, said))


@asynccontextmanager
async def serve_function(function: BotFunction) -> AsyncIterator[dict[str, object]]:
    """The function's entry for bots.yaml, as long as it is served."""
    app = web.Application()
    app.router.add_post("/turn", _FunctionBot(function).answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        turn = {
            "url": f"http://127.0.0.1:{port}/turn",
            "body": {"conversation_id": "{{conversation_id}}", "message": "{{message}}"},
            "reply": "reply",
        }
        name = getattr(function, "__name__", "function")
        yield {"kind": "webhook", "name": name, "turn": turn}
    finally:
        await runner.cleanup()

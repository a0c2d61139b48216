"""A receiver of webhooks that takes, refuses, holds or redirects what comes."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from tests.servers.host import Host


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HookServer:
    """`async with HookServer() as hook`; `answers` are given in turn, then 204s.

    An answer is a status, or "hold", which answers nothing for as long as somebody waits.
    """

    def __init__(self, *answers: int | str) -> None:
        self.answers = list(answers)
        self.received: list[Received] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.host = Host(app, 0)
        await self.host.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.host.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.host.port}/hooks/T0KEN"

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append(Received(request.path, dict(request.headers), body))
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "hold":
            await asyncio.sleep(60)
        return web.Response(status=int(answer), headers={"Location": "/elsewhere"})

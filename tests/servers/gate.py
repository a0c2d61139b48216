"""A door before a server: what it holds is not answered before it is let go."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.servers.host import Host

HOP = {"connection", "transfer-encoding", "content-length", "host"}


class Gate:
    """Passes everything on to `url`, streams too; GETs of the path `held` wait for `let_go`."""

    def __init__(self, url: str, held: str) -> None:
        self._to, self._held = url, held
        self.came = asyncio.Event()
        self.let_go = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Gate"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        host = Host(app, 0)
        async with aiohttp.ClientSession(auto_decompress=False) as self._http:
            await host.start()
            self.url = f"http://127.0.0.1:{host.port}"
            try:
                yield self
            finally:
                self.let_go.set()
                await host.stop()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if request.path == self._held:
            self.came.set()
            await self.let_go.wait()
        headers = _keep(request.headers)
        body = await request.read()
        async with self._http.request(
            request.method, f"{self._to}{request.path_qs}", headers=headers, data=body
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_keep(answer.headers))
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response


def _keep(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what is about one connection alone."""
    return {name: value for name, value in headers.items() if name.lower() not in HOP}

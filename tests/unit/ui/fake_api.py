"""A small API with a script: what it was asked is kept, what it streams is the test's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.servers.host import Host

ID = "3f0e6f0e-2f0c-4a52-9d0a-0d4fbd8a3d10"


def frame(name: str, id: str = "", /, **data: Any) -> bytes:
    return f"id: {id}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def line(index: int, role: str, text: str, **more: Any) -> bytes:
    facts = {"turn": index // 2 + 1, "origin": "bot" if role == "assistant" else "scripted"}
    facts |= {"timestamp": "2026-11-20T10:00:00.000Z", "name": "", **more}
    return frame("message", f"{index + 1}", role=role, text=text, index=index, **facts)


class FakeApi:
    """`streams`: what each connection to the events sends, one after the other, then it ends."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.queries: list[str] = []
        self.last_ids: list[str] = []
        self.keys: list[str] = []
        self.streams: list[list[bytes]] = []
        self.detail: dict[str, Any] = {"conversation_id": ID, "bot_id": 16, "seat": "scripted"}
        self.detail |= {"status": "running", "turn": 0, "max_turns": 10, "history": []}
        self.answers: dict[str, tuple[int, Any]] = {}
        self.kept: list[Any] = []  # conversations to be listed, newest first
        self.stay = False  # a stream that was sent stays open
        self.left = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeApi"]:
        app = web.Application()
        app.router.add_get(f"/api/conversations/{ID}/events", self._events)
        app.router.add_route("*", "/{path:.*}", self._answer)
        host = Host(app, 0)
        await host.start()
        self.url = f"http://127.0.0.1:{host.port}"
        try:
            yield self
        finally:
            self.left.set()
            await host.stop()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(request.query_string)
        self.last_ids.append(request.headers.get("Last-Event-ID", ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in self.streams.pop(0) if self.streams else []:
            await response.write(part)
        if self.stay:
            await self.left.wait()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        if request.method == "GET":
            self.queries.append(request.query_string)
        self.keys.append(request.headers.get("Authorization", ""))
        if request.path == f"/api/conversations/{ID}" and request.path not in self.answers:
            return web.json_response(self.detail)
        if request.path == "/api/conversations" and self.kept:
            return web.json_response(self._page(request))
        status, answer = self.answers.get(request.path, (200, {}))
        return web.json_response(answer, status=status)

    def _page(self, request: web.Request) -> dict[str, Any]:
        """A part of `kept`; here a cursor is a place in it."""
        begin, size = int(request.query.get("cursor", 0)), int(request.query["limit"])
        end = begin + size
        more = str(end) if end < len(self.kept) else None
        return {"conversations": self.kept[begin:end], "next": more}

"""A small HTTP service whose answers a test lays down in order, and who hears what was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from core.events import SilentEmitter
from core.message import Role, new_message
from core.scenario import Scenario
from nodes.speakers.protocol import TurnRequest
from tests.servers.host import Host


@dataclass
class Heard:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Desk:
    """Answers with the next of `answers`: JSON, or (status, bytes, headers). The last one stays."""

    url: str = ""
    answers: list[Any] = field(default_factory=lambda: [{"text": "Chào"}])
    heard: list[Heard] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        self.heard.append(Heard(request.method, request.raw_path, dict(request.headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, tuple):
            status, content, headers = answer
            return web.Response(status=status, body=content, headers=headers)
        return web.Response(text=json.dumps(answer), content_type="application/json")


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    host = Host(app, 0)
    await host.start()
    made.url = f"http://127.0.0.1:{host.port}"
    try:
        yield made
    finally:
        await host.stop()


class Ear(SilentEmitter):
    """An emitter that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.said = ""

    def status(self, status: str, message: str, **facts: Any) -> None:
        self.told.append((status, facts))

    def piece(self, role: Role, text: str) -> None:
        self.said += text

    def reset(self, why: str) -> None:
        self.told.append(("reset", why))

    def discard(self, text: str, why: str, **_facts: Any) -> None:
        self.told.append(("discarded", text))


def asks(text: str = "Xin chào", turn: int = 1, **session: Any) -> TurnRequest:
    said = [new_message("user", text, index=0, turn=turn, origin="given")] if turn else []
    return TurnRequest("c-1", turn, said, Scenario(bot_id="lớp-1"), session)

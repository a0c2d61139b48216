"""The API inside LangGraph's server: one port for Studio, its clients and `/simulate`.

`langgraph.json` names `app`. The server adds its own routes to it; ours stand behind one route, so
that keys, limits and problem documents are kept on our paths and leave LangGraph's alone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.origins import OriginGuard
from core.origins import OriginPolicy
from graph.studio import app as studio

# Not /info, /metrics and /docs: those are LangGraph's here, and Studio reads the first.
OURS = ("/health", "/simulate", "/session", "/chat/stream", "/api/")


class StudioRoute(BaseRoute):
    """Leads to the API what is meant for it."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None
        self.policy = OriginPolicy()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ours = scope["type"] == "http" and scope["path"].startswith(OURS)
        return (Match.FULL if ours and self.app else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app:
            await self.app({**scope, "app": self.app}, receive, send)

    @asynccontextmanager
    async def lifespan(self, _outer: Starlette) -> AsyncIterator[None]:
        settings = await studio.settings()
        self.policy = settings.origin_policy
        self.app = create_app(settings)
        async with self.app.router.lifespan_context(self.app), studio.open_studio():
            yield


class StudioGuard:
    """The check of hosts and origins for LangGraph's own paths too, once settings are read."""

    def __init__(self, app: ASGIApp, route: StudioRoute) -> None:
        self.app = app
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await OriginGuard(self.app, self.route.policy)(scope, receive, send)


api = StudioRoute()
app = Starlette(
    routes=[api], lifespan=api.lifespan, middleware=[Middleware(StudioGuard, route=api)]
)

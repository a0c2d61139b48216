"""The service: routes over the runs of this process, and the life of both."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import problems
from api.bodies import BodyLimit
from api.callers import Callers
from api.metrics import Metrics
from api.origins import OriginGuard
from api.published import operation_id, publish
from api.routes import (
    about,
    agreement,
    bots,
    chat,
    conversations,
    experiments,
    labels,
    runs,
    setups,
    shrink,
    simulate,
)
from api.sse import EmptyIdsDropped
from api.waiting_room import WaitingRoom
from core.failures import contain
from core.settings import Settings
from core.version import VERSION
from evaluation.experiments.service import open_experiments
from evaluation.shrink.service import open_shrinks
from graph import logs
from graph.process import open_process
from graph.runs.retention import open_retention

log = logging.getLogger("duologue.api")
_PARTS = (
    *(about, simulate, chat, conversations, runs, bots),
    *(experiments, agreement, labels, setups, shrink),
)
ABOUT = """Makes two speakers talk: a bot under test and a simulated user.

Start a conversation, watch it live, follow it from anywhere, stop it, take the user's seat,
resume it after whatever happened, fork it from any message. Errors are problem documents
(RFC 9457) whose `type` never changes.
"""


def create_app(settings: Settings, *, api_url: Callable[[], str] | None = None) -> FastAPI:
    """The application. Where `api_url` is given and the UI is on, the UI is served beside it."""

    app = FastAPI(
        title="Duologue",
        version=VERSION,
        description=ABOUT,
        lifespan=partial(_live, settings, api_url),
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        docs_url=None,  # would come from another site; `about.docs` comes from here
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.ui_ready = app.state.ui_failed = False
    app.state.room = WaitingRoom(app) if settings.ui and api_url else None
    routers = [part.router for part in _PARTS]
    problems.install(app, [*app.routes, *(route for one in routers for route in one.routes)])
    for router in routers:
        app.include_router(router)
    publish(app)
    _guard(app, settings)
    return app


@asynccontextmanager
async def _live(
    settings: Settings, api_url: Callable[[], str] | None, app: FastAPI
) -> AsyncIterator[None]:
    def watch(what: str, id: str, facts: dict[str, object]) -> None:
        logs.watch(what, id, facts)
        app.state.metrics.watch(what, id, facts)

    state = app.state
    async with (
        open_process(settings, watch) as opened,
        open_experiments(opened, serving=True) as experiments,
        open_shrinks(opened) as shrinks,
        open_retention(opened, settings) as retention,
    ):
        state.runs, state.experiments, state.retention = opened, experiments, retention
        state.shrinks = shrinks
        await opened.recover(wait=False)
        ui = asyncio.ensure_future(_mount_ui(app, api_url)) if state.room and api_url else None
        try:
            yield
        finally:
            if ui:
                ui.cancel()
            try:
                await opened.drain(settings.grace_s)
            finally:
                # By this the server knows that this life is over.
                state.runs = state.experiments = state.retention = state.shrinks = None


def _guard(app: FastAPI, settings: Settings) -> None:
    """Added last is met first: hosts and origins, then keys, then the size of bodies."""
    policy = settings.origin_policy
    app.add_middleware(EmptyIdsDropped)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Callers, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origin_regex=policy.origin_pattern,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Link"],
        )
    app.add_middleware(OriginGuard, policy=policy)


async def _mount_ui(app: FastAPI, api_url: Callable[[], str]) -> None:
    """Importing the UI's library takes seconds, which the API's first answer must not wait."""
    try:
        with contain(log, "the UI could not be loaded; the API goes on without it"):
            ui = await asyncio.to_thread(import_module, "ui.app")
            await asyncio.to_thread(ui.mount, app, api_url=api_url)  # half a second of building
            app.state.room.close()
            app.state.ui_ready = True
    finally:  # a typed error passes `contain`, and the waiting page must still be told
        app.state.ui_failed = not app.state.ui_ready

"""The pages, once a language: mounted beside an API, or served on their own."""

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from ui.client import Line
from ui.desks import Desks
from ui.guard import problem
from ui.page import ICON, page
from ui.room import Hub
from ui.texts import Language, Words

PATHS: dict[str, Language] = {"/ui": "en", "/vi": "vi"}


class Site:
    """All pages of this process."""

    def __init__(self, api_url: Callable[[], str] | str) -> None:
        self.line = Line(api_url)
        self.hub = Hub(self.line)
        self.pages = {
            path: page(path, Desks(self.hub, Words(name))) for path, name in PATHS.items()
        }

    async def aclose(self) -> None:
        """Ends the pages' streams and their own connections, so that nobody waits for them."""
        for guard in self.pages.values():
            guard.close()
        self.hub.close()
        await self.line.aclose()

    def routes(self) -> list[Route | Mount]:
        found: list[Route | Mount] = [Route("/favicon.ico", _icon, include_in_schema=False)]
        for path, guard in self.pages.items():
            found += [Route(path, _slash, include_in_schema=False), Mount(path, guard)]
        return found


async def _slash(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.url.path}/{query}", 307)


async def _icon(_request: Request) -> Response:
    _, _, drawn = ICON.partition(",")
    return Response(unquote(drawn), media_type="image/svg+xml")


async def _home(request: Request) -> Response:
    wanted = request.headers.get("accept-language", "").lower()
    return RedirectResponse("/vi/" if wanted.startswith("vi") else "/ui/", 307)


def mount(app: Starlette, *, api_url: Callable[[], str] | str) -> None:
    """Adds /ui (English) and /vi (Vietnamese). `app.state.ui` is the handle to close."""
    site = Site(api_url)
    app.router.routes.extend(site.routes())
    app.state.ui = site


def alone(site: Site) -> Starlette:
    """The pages without an API beside them."""
    routes = [Route("/", _home), *site.routes()]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refused})


async def _refused(_request: Request, error: Exception) -> Response:
    return problem(getattr(error, "status_code", 500), getattr(error, "headers", None))


def serve(api_url: str, host: str, port: int) -> int:
    """The pages as a process of their own, talking to the API at `api_url`."""
    site = Site(api_url)
    app = alone(site)
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, log_level="warning", server_header=False
    )
    server = _Server(config, site)
    sys.stdout.write(f"The Duologue UI is up at http://{host}:{port}, talking to {api_url}\n")
    sys.stdout.flush()
    server.run()
    return 0 if server.started else 3


class _Server(uvicorn.Server):
    """Ends the pages' streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site

    async def shutdown(self, sockets: Any = None) -> None:
        await self._site.aclose()
        await super().shutdown(sockets)

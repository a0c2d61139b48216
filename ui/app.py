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

from core.origins import OriginPolicy
from ui.api_client import ApiConnection
from ui.conversation_feed import Feeds
from ui.guard import problem_response
from ui.layout import ICON, build_page
from ui.origins import PageOrigins
from ui.tab_sessions import TabSessions
from ui.texts import Language, Words

PATHS: dict[str, Language] = {"/ui": "en", "/vi": "vi"}


class Site:
    """All pages of this process."""

    def __init__(self, api_url: Callable[[], str] | str) -> None:
        self.connection = ApiConnection(api_url)
        self.feeds = Feeds(self.connection)
        self.pages = {
            path: build_page(path, TabSessions(self.feeds, Words(name)))
            for path, name in PATHS.items()
        }

    async def aclose(self) -> None:
        """Ends the pages' streams and their own connections, so that nobody waits for them."""
        for guard in self.pages.values():
            guard.close()
        self.feeds.close()
        await self.connection.aclose()

    def routes(self) -> list[Route | Mount]:
        found: list[Route | Mount] = [Route("/favicon.ico", _send_icon, include_in_schema=False)]
        for path, guard in self.pages.items():
            found += [Route(path, _redirect_to_slash, include_in_schema=False), Mount(path, guard)]
        return found


async def _redirect_to_slash(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.url.path}/{query}", 307)


async def _send_icon(_request: Request) -> Response:
    _, _, drawn = ICON.partition(",")
    return Response(unquote(drawn), media_type="image/svg+xml")


async def _redirect_home(request: Request) -> Response:
    wanted = request.headers.get("accept-language", "").lower()
    return RedirectResponse("/vi/" if wanted.startswith("vi") else "/ui/", 307)


def mount(app: Starlette, *, api_url: Callable[[], str] | str) -> None:
    """Adds /ui (English) and /vi (Vietnamese). `app.state.ui` is the handle to close."""
    site = Site(api_url)
    app.router.routes.extend(site.routes())
    app.state.ui = site


def standalone_app(site: Site) -> Starlette:
    """The pages without an API beside them."""
    routes = [Route("/", _redirect_home), *site.routes()]
    return Starlette(routes=routes, exception_handlers={HTTPException: _send_problem})


async def _send_problem(_request: Request, error: Exception) -> Response:
    return problem_response(getattr(error, "status_code", 500), getattr(error, "headers", None))


def serve(api_url: str, host: str, port: int, policy: OriginPolicy) -> int:
    """The pages as a process of their own, talking to the API at `api_url`."""
    site = Site(api_url)
    app = PageOrigins(standalone_app(site), policy)
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

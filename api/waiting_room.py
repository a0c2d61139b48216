"""What answers below /ui and /vi until the pages are there, or instead of them."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from api.pages import PAGES, render_waiting, render_welcome
from api.problems import problem

RETRY = {"Retry-After": "1", "Cache-Control": "no-store"}


class WaitingRoom:
    """A browser gets a page that waits and reloads itself, everything else a 503."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes: list[BaseRoute] = [Mount(path, self) for path in PAGES]
        app.router.routes.extend(self._routes)

    def close(self) -> None:
        """The pages themselves answer from now on."""
        for route in self._routes:
            self._app.router.routes.remove(route)
        self._routes = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        failed = self._app.state.ui_failed
        if request.url.path.endswith("/alive"):  # asked again and again: no error in any console
            return Response(status_code=204, headers=RETRY)
        if "text/html" not in request.headers.get("accept", ""):
            detail = "the page could not be loaded" if failed else "the page is being loaded"
            return problem(503, "stopped", "The page is not there yet", detail, headers=RETRY)
        if failed:
            return HTMLResponse(render_welcome(ui=True, failed=True), 503)
        path = next(path for path in PAGES if request.url.path.startswith(path))
        return HTMLResponse(render_waiting(path), headers=RETRY)

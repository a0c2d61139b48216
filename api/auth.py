"""Who may call: API keys where they are configured, compared in constant time."""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem

# The pages hold no data: the UI asks for a key and calls the API with it.
OPEN_PATHS = ("/health", "/ui", "/vi", "/favicon.ico")


class ApiKeys:
    """Asks for a key on every path but the open ones."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope) or self._has_key(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        detail = "send `Authorization: Bearer KEY` or `X-API-Key: KEY`"
        headers = {"WWW-Authenticate": "Bearer"}
        refusal = problem(401, "no-key", "An API key is needed", detail, headers=headers)
        await refusal(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        path = scope["path"]
        if scope["method"] == "OPTIONS":
            return True
        if path == "/" and "text/html" in Headers(scope=scope).get("accept", ""):
            return True
        return any(path == open_ or path.startswith(f"{open_}/") for open_ in OPEN_PATHS)

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        offered = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Every key is compared, so that time tells nothing about which was near.
        found = [hmac.compare_digest(offered.encode(), key) for key in self.keys]
        return any(found)

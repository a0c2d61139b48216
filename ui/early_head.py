"""What must be in the page before Gradio's own scripts run: Gradio adds `head` only after them."""

import gzip
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class EarlyHead:
    """Puts `html` at the beginning of the document's head; every other answer passes as it is."""

    def __init__(self, app: ASGIApp, html: str, language: str) -> None:
        self.app = app
        self._html = html.encode()
        self._language = language.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if path or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        zipped = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self.app(
            {**scope, "headers": headers}, receive, _Rewriter(self._rewrite, zipped, send)
        )

    def _rewrite(self, document: bytes) -> bytes:
        named = document.replace(b'lang="en"', b'lang="' + self._language + b'"', 1)
        return named.replace(b"<head>", b"<head>" + self._html, 1)


class _Rewriter:
    """Holds an answer back until it is whole."""

    def __init__(self, rewrite: Callable[[bytes], bytes], zipped: bool, send: Send) -> None:
        self._rewrite, self._zipped, self._send = rewrite, zipped, send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = self._rewrite(self._body)
        headers = MutableHeaders(raw=list(self._start["headers"]))
        if self._zipped:
            body = gzip.compress(body, 6)
            headers["content-encoding"] = "gzip"
            headers.add_vary_header("Accept-Encoding")
        headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

"""The door before Gradio: it lets through what the page needs, and nothing that serves files."""

import asyncio
import json
import re
from secrets import token_hex
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOOT = token_hex(8)  # tells the page that the process behind it is another one
GET = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|manifest\.json|(assets|static)/[\w./@+-]+"
    r"|gradio_api/(queue/data|heartbeat/\w+|app_id/?|startup-events|theme\.css))?"
)
POST = re.compile(r"/gradio_api/(queue/join|cancel|reset)/?")
HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        b"connect-src 'self'; frame-src 'none'; object-src 'none'; base-uri 'self'; "
        b"form-action 'self'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}


class Guard:
    """Wraps Gradio's application. Starts it with the first request, ends its streams at `close`."""

    def __init__(self, app: ASGIApp, start: Any) -> None:
        self.app = app
        self._start = start
        self._started = False
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Ends what is still streaming, so that nobody waits for an open tab."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = "/" + scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        if path == "/alive":
            await _answer(send, 200, {"boot": BOOT})
        elif not _needed(scope["method"], path):
            problem = {"type": "about:blank", "title": "Not Found", "status": 404}
            await _answer(send, 404, problem, b"application/problem+json")
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._started:
            self._started = True
            await self._start()
        scope = {**scope, "query_string": _known_query(scope["query_string"])}
        sender = _Sender(send)
        serving = asyncio.ensure_future(self.app(scope, receive, sender))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
                await asyncio.wait({serving})
                await sender.end()
            if not serving.cancelled():
                serving.result()
        finally:
            closing.cancel()
            serving.cancel()


class _Sender:
    """Adds our headers, and knows whether the answer is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in HEADERS]
            message = {**message, "headers": [*kept, *HEADERS.items()]}
            self._open = True
        elif not message.get("more_body", False):
            self._open = False
        await self._send(message)

    async def end(self) -> None:
        if self._open:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _needed(method: str, path: str) -> bool:
    if ".." in path:
        return False
    known = {"GET": GET, "HEAD": GET, "POST": POST}.get(method)
    return known is not None and known.fullmatch(path) is not None


def _known_query(query: bytes) -> bytes:
    """Without what Gradio itself would read: a page or link it does not know is a 500 there."""
    kept = [pair for pair in query.split(b"&") if not re.match(rb"(page|deep_link)(=|$)", pair)]
    return b"&".join(kept)


async def _answer(
    send: Send, status: int, body: dict[str, Any], kind: bytes = b"application/json"
) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})

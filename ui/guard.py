"""The door before Gradio: it lets through what the page needs, and nothing that serves files.

What Gradio refuses, or fails at, is told as a problem document and never in its own words.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.texts import Words

log = logging.getLogger("duologue.ui")

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
        b"form-action 'self'; frame-ancestors 'self'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}
PROBLEMS = {
    403: ("foreign-origin", "Not from another page", "a page of another origin sent this"),
    421: ("unknown-host", "Not a name of this server", "the page does not answer to this name"),
    404: ("not-found", "Not found", "the page has nothing at this path"),
    405: ("method-not-allowed", "Method not allowed", "this path takes another method"),
    413: ("too-large", "The body is too large", "the page sends less"),
    422: ("invalid", "The request does not fit", "the page's own script sends something else"),
    500: ("internal", "Internal error", "something broke in the page"),
    503: ("stopped", "The server is stopping", "try again in a moment"),
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
            told = JSONResponse({"boot": BOOT}, headers={"Cache-Control": "no-store"})
            await told(scope, receive, send)
        elif not is_allowed(scope["method"], path):
            await refusal_response(404, scope)(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "query_string": _strip_query(scope["query_string"])}
        sender = _Sender(send)
        serving = asyncio.ensure_future(self._serve(scope, receive, sender))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
                await asyncio.wait({serving})
            refusal = sender.end(None if serving.cancelled() else serving.exception(), scope)
            await refusal(scope, receive, send)
        finally:
            closing.cancel()
            serving.cancel()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._started:
            self._started = True
            await self._start()
        await self.app(scope, receive, send)


class _Sender:
    """Adds our headers, keeps back what Gradio says of a refusal, and knows what is still open."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = self._open = False
        self._refused = 0
        self._kept: dict[str, str] = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._refused = message["status"]
            told = Headers(raw=list(message.get("headers", [])))
            self._kept = {name: told[name] for name in ("allow", "retry-after") if name in told}
        if self._refused:
            return
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in HEADERS]
            message = {**message, "headers": [*kept, *HEADERS.items()]}
            self._begun = self._open = True
        elif not message.get("more_body", False):
            self._open = False
        await self._send(message)

    def end(self, error: BaseException | None, scope: Scope) -> ASGIApp:
        """What is still to be sent: the problem where there was a refusal, or the stream's end."""
        if self._begun:
            if error:
                log.warning("a page's stream broke: %r", error)
            return _end_stream if self._open else _send_nothing
        if error or self._refused == 500:
            return report_crash(error)
        return refusal_response(self._refused or 503, scope, self._kept)


async def _end_stream(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """The answer was whole."""


def refusal_response(
    status: int, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """A page for a person who looks with a browser, a problem document for all else."""
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return problem_response(status, headers)
    home = scope.get("root_path", "") + "/"
    words = Words("vi" if home.startswith("/vi") else "en")
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return HTMLResponse(_render_refusal(status, home, words), status, sent)


_LOOK = (
    ":root{color-scheme:light dark;--paper:#f6f4ef;--ink:#1d1a17;--user:#0f766e;--bot:#b4560b}"
    "@media (prefers-color-scheme:dark){"
    ":root{--paper:#161412;--ink:#f2eee9;--user:#4fd1c2;--bot:#f0a458}}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;text-align:center;"
    "background:var(--paper);color:var(--ink);"
    'font:17px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}'
    "main{padding:24px}h1{font-size:1.25rem;margin:18px 0 14px}"
    ".brand{margin:6px 0 0;font-weight:700}"
    "i{display:inline-block;width:12px;height:12px;border-radius:50%;margin:0 4px;"
    "background:var(--user)}i+i{background:var(--bot)}"
    "a{display:inline-block;padding:9px 18px;border-radius:10px;background:#0f766e;color:#fff;"
    "font-weight:600;text-decoration:none}a:hover{background:#0b5f59}"
    "a:focus-visible{outline:2px solid var(--user);outline-offset:3px}"
)
"""The colours of the page, for an answer that loads nothing."""


def _render_refusal(status: int, home: str, words: Words) -> str:
    title = words.get(f"refused_{status}", words("failed"))
    return (
        f'<!doctype html><html lang="{words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · Duologue</title><style>{_LOOK}</style>"
        '<main><i></i><i></i><p class="brand">Duologue</p>'
        f'<h1>{title}</h1><p><a href="{home}">{words("to_start")}</a></p></main></html>'
    )


def problem_response(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    incident: str = "",
    detail: str = "",
) -> Response:
    """A refusal as the API tells one (RFC 9457, the same codes); no word of the request."""
    code, title, usual = PROBLEMS.get(status, (f"http-{status}", "Refused", "it was refused"))
    detail = detail or usual
    told: dict[str, Any] = {"type": f"urn:duologue:{code}", "title": title, "status": status}
    told["detail"] = f"{detail}; the log has incident {incident}" if incident else detail
    if incident:
        told["incident"] = incident
    retry = {"Retry-After": "1"} if status == 503 else {}
    sent = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **retry}
    return JSONResponse(told, status, {**sent, **(headers or {})}, "application/problem+json")


def report_crash(error: BaseException | None) -> Response:
    """What nobody foresaw: an incident number here, the cause in the log."""
    incident = token_hex(6)
    log.error("a page failed, incident %s", incident, exc_info=error)
    return problem_response(500, incident=incident)


def is_allowed(method: str, path: str) -> bool:
    if ".." in path:
        return False
    known = {"GET": GET, "HEAD": GET, "POST": POST}.get(method)
    return known is not None and known.fullmatch(path) is not None


def _strip_query(query: bytes) -> bytes:
    """Without what Gradio itself would read: a page or link it does not know is a 500 there."""
    kept = [pair for pair in query.split(b"&") if not re.match(rb"(page|deep_link)(=|$)", pair)]
    return b"&".join(kept)

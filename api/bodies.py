"""Request bodies: receive_bounded before they are read, strict JSON, cleaned text."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from core.errors import Invalid
from core.text import clean_deep

MAX_DEPTH = 60


class BodyLimit:
    """Refuses headers and bodies above their limits: at once if declared, else while they grow.

    What the client sends on is thrown away for a moment, since a connection that is closed on a
    client that still writes is reset, and the refusal is lost with it. Then it is closed.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            await _large_headers_problem()(scope, receive, _send_then_close(receive, send))
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        size = int(declared) if declared.isdigit() else 0
        if size > self.limit:
            await _too_large_problem(self.limit)(scope, receive, _send_then_close(receive, send))
            return
        size = 0

        async def receive_bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limit:
                raise HTTPException(413)
            return message

        closing = _send_then_close(receive, send)

        async def send_or_close(message: Message) -> None:
            await (closing if size > self.limit else send)(message)

        await self.app(scope, receive_bounded, send_or_close)


HEADER_BYTES = 65_536
LINGER_S = 1.0
LINGER_BYTES = 12_000_000


def _large_headers_problem() -> Response:
    detail = f"the headers may have {HEADER_BYTES} bytes at most"
    return problem(431, "too-large", "The headers are too large", detail)


def _too_large_problem(limit: int) -> Response:
    return problem(
        413, "too-large", "The body is too large", f"a body may have {limit} bytes at most"
    )


def _send_then_close(receive: Receive, send: Send) -> Send:
    """Sends an answer, and ends it only when the client has been heard out or was given time."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await send({**message, "more_body": True})
            await _discard(receive)
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return closing


async def _discard(receive: Receive) -> None:
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while size < LINGER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


class StrictRequest(Request):
    """A request whose JSON is read by the letter of the standard, and then cleaned."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict"):
            self._strict = strict_json(await self.body())
        return self._strict


class StrictRoute(APIRoute):
    """A route whose bodies are JSON or refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            own = StrictRequest(request.scope, request.receive)
            try:
                has_body = request.method in ("POST", "PUT", "PATCH") and await own.body()
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it, and it is no fault of ours
            if has_body:
                _require_json(own)
                if await own.json() is None:
                    raise Invalid("the body must be an object", "body")
            return await handler(own)

        return strict


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and "+json" in kind):
        raise HTTPException(415)


def strict_json(content: bytes) -> Any:
    """The JSON value, with texts cleaned. Raises `Invalid` for anything that is not JSON."""
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_parse_finite,
            object_pairs_hook=_refuse_duplicates,
        )
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8", "body") from None
    except RecursionError:
        raise Invalid("the body is nested too deeply", "body") from None
    except ValueError as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise Invalid(f"the body is not JSON{where}", "body") from None
    _check_depth(value)
    return clean_deep(value)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers differ in which of two equal names counts; so neither does."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Invalid("the body has an object that names a key twice", "body")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _parse_finite(text: str) -> float:
    """JSON Schema takes 3.0 for an integer, and so do we."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise Invalid("the body is nested too deeply", "body")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        _check_depth(item, depth + 1)

"""Connections to clients that are too slow: they are cut, and hold little memory until then."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

log = logging.getLogger("duologue.api")
PIECE = 65_536


class SlowReaderGuard:
    """Sends answers in pieces, each of which the client must take within `timeout_s`.

    A piece is handed on when the one before is off our hands, so that what an answer holds in
    memory is what its producer holds, and a reader that stops is noticed.
    """

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self.app = app
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] != "http" or transport is None:
            await self.app(scope, receive, send)
            return
        sender = _PieceSender(send, transport, self.timeout_s, scope["path"])
        scope["duologue.abort"] = sender.abort
        try:
            async with sender.until_dropped:
                await self.app(scope, receive, sender)
        except TimeoutError:
            if not sender.is_dropped:
                raise
        if sender.is_dropped:  # else uvicorn logs an error: an answer that was not finished
            await _wait_for_disconnect(receive)


class _PieceSender:
    """Aborts the connection of a reader that stops: closing would wait for it to read on."""

    def __init__(
        self, send: Send, transport: asyncio.Transport, timeout_s: float, path: str
    ) -> None:
        self._send, self._transport = send, transport
        self._timeout_s, self._path = timeout_s, path
        self.is_dropped = False
        self.until_dropped = asyncio.timeout(None)
        """What makes the answer runs in it, and is cancelled when nobody takes the answer."""

    async def __call__(self, message: Message) -> None:
        body = message.get("body", b"")
        if len(body) <= PIECE:
            await self._send_piece(message)
            return
        for at in range(0, len(body), PIECE):
            piece = bytes(body[at : at + PIECE])
            await self._send_piece({**message, "body": piece, "more_body": True})
        if not message.get("more_body", False):
            await self._send_piece({"type": message["type"], "body": b""})

    async def _send_piece(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(message)
        except TimeoutError:
            log.info("reader dropped: it did not read", extra={"path": self._path})
            self.abort()
            await asyncio.Event().wait()  # until this is cancelled

    def abort(self) -> None:
        """Ends the connection at once; what was not read is lost."""
        self.is_dropped = True
        self._transport.abort()
        self.until_dropped.reschedule(asyncio.get_running_loop().time())


async def _wait_for_disconnect(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            while (await receive())["type"] != "http.disconnect":
                pass


class TimedProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """Uvicorn's protocol; a connection on which a request is not whole in time is aborted."""

    receive_timeout_s: float = 20.0
    cycle: Any
    transport: asyncio.Transport
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.transport = transport
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if not self._is_request_missing():
            self._stop_timer()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.receive_timeout_s, self._give_up)

    def _is_request_missing(self) -> bool:
        return self.cycle is None or self.cycle.more_body or self.cycle.response_complete

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_request_missing() and not self.transport.is_closing():
            log.info("sender dropped: its request was not whole in time")
            self.transport.abort()


def timed_protocol(receive_timeout_s: float) -> type[asyncio.Protocol]:
    """The protocol with that limit; uvicorn makes one object of it per connection."""
    return type("Protocol", (TimedProtocol,), {"receive_timeout_s": receive_timeout_s})

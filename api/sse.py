"""Frames on the wire. The only file that knows sse-starlette."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from sse_starlette.sse import AppStatus, EventSourceResponse, SendTimeoutError
from starlette.types import ASGIApp, Receive, Scope, Send

from core.settings import Settings
from graph.stream.follower import Follower
from graph.stream.live import Frame

log = logging.getLogger("duologue.api")

# Streams end by themselves when the runs are drained; a watcher of signals would tear them.
AppStatus.enable_automatic_graceful_drain = False
COMMENT = b": ping\n\n"


class EmptyIdsDropped:
    """An empty Last-Event-ID is none, as in the standard; it may stand before one that counts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [(k, v) for k, v in scope["headers"] if k != b"last-event-id" or v.strip()]
            scope = {**scope, "headers": kept}
        await self.app(scope, receive, send)


def encode_frame(frame: Frame) -> bytes:
    """One event by the WHATWG format; JSON has no line break, so one data line is enough."""
    head = f"id: {frame.id}\nevent: {frame.event}\ndata: ".encode()
    return b"%b%b\n\n" % (head, orjson.dumps(frame.data))


class Stream(EventSourceResponse):
    """A stream to one client. One that does not read is dropped, and nobody waits for it."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        settings: Settings,
        *,
        media_type: str = "text/event-stream",
        headers: Mapping[str, str] | None = None,
        beat: bytes = COMMENT,
    ) -> None:
        """`beat` comes every `heartbeat_s`, so that nothing between cuts a silent line."""
        super().__init__(
            content,
            headers=headers,
            media_type=media_type,
            ping=settings.heartbeat_s if beat else 0,
            ping_message_factory=lambda: beat,  # type: ignore[arg-type,return-value] # bytes pass
            sep="\n",
            send_timeout=settings.send_timeout_s,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with scope["app"].state.metrics.open_streams.track_inprogress():
                await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("reader dropped: it did not read", extra={"path": scope["path"]})
            abort = scope.get("duologue.abort")
            if abort:
                abort()


async def event_stream(follower: Follower) -> AsyncIterator[bytes]:
    """The follower's events as they come, each at once."""
    async for ready in follower.batches():
        yield encode_frame(ready[0]) if len(ready) == 1 else b"".join(map(encode_frame, ready))


async def graph_stream(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """LangGraph's own events, for debugging: no ids, since they cannot be taken up again."""
    async for event in events:
        data = orjson.dumps(event, default=_to_jsonable, option=orjson.OPT_NON_STR_KEYS)
        yield b"event: %b\ndata: %b\n\n" % (str(event["event"]).encode(), data)


def _to_jsonable(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return repr(value)[:2000]


def stream_response(follower: Follower, settings: Settings, **headers: str) -> Stream:
    """The event stream of a follower."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Stream(event_stream(follower), settings, headers=named)

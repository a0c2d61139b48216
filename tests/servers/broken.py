"""Servers that break at the level of bytes: what a bot's network can do, by name."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PIECE = b'{"text": "a"}'
HUGE = 5_000_000
Answer = Callable[[str], tuple[str, bytes]]
"""The content type and body with which a path is answered where nothing is wrong."""


@dataclass
class BrokenHttp:
    """Answers as `answer` says, but the paths that end with `main` with the fault, if there is one.

    `endless` is a piece of the stream, told again and again; without one the body is JSON.
    """

    answer: Answer
    main: str = ""
    endless: bytes = b""
    fault: str = ""
    port: int = 0
    served: list[str] = field(default_factory=list)
    _server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        self._server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            sizes = [
                line[15:] for line in head.lower().splitlines() if line[:15] == "content-length:"
            ]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            self.served.append(path)
            kind, body = self.answer(path)
            if self.fault and path.endswith(self.main):
                await self._break(writer, kind, body)
            else:
                _write(writer, kind, body)
            await writer.drain()
        with suppress(ConnectionError):
            writer.close()

    async def _break(self, writer: asyncio.StreamWriter, kind: str, body: bytes) -> None:
        half = body[: len(body) // 2]
        if self.fault in ("500", "429"):
            status = {"500": "500 Oh", "429": "429 Slow\r\nRetry-After: 7"}[self.fault]
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
        elif self.fault == "hang":
            await _until_left(writer, b"")
        elif self.fault == "drip":
            _write(writer, kind, b"", length=10_000)
            await _until_left(writer, b" " if not self.endless else b":\n")
        elif self.fault == "endless":
            _write(writer, kind, b"", length=10**12)
            await _until_left(writer, self.endless * 200 if self.endless else b" " * 60_000)
        elif self.fault in ("cut", "closed"):
            _write(writer, kind, half, length=len(body))
            await writer.drain()
            if self.fault == "closed":
                writer.transport.abort()
        else:
            _write(writer, *self._spoil(kind, body))

    def _spoil(self, kind: str, body: bytes) -> tuple[str, bytes]:
        big = body.replace(b"XX", b"x" * HUGE)
        return {
            "type": ("text/html", b"<html>login</html>"),
            "empty": (kind, b""),
            "huge": (kind, big),
            "json": (kind, body.replace(b"{", b"<", 1)),
            "utf8": (kind, body.replace(b"XX", b"\xff\xfe")),
        }[self.fault]


def _write(
    writer: asyncio.StreamWriter, kind: str, body: bytes, *, length: int | None = None
) -> None:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)


async def _until_left(writer: asyncio.StreamWriter, block: bytes) -> None:
    """Sends the block again and again, a few times a second if it is small, until nobody hears."""
    while not writer.is_closing():
        writer.write(block)
        await writer.drain()
        await asyncio.sleep(0.02 if len(block) < 100 else 0)
        if writer.transport.is_closing():
            return


@asynccontextmanager
async def broken_http(
    answer: Answer, main: str = "", endless: bytes = b""
) -> AsyncIterator[BrokenHttp]:
    """A server that is whole until a fault is set."""
    server = BrokenHttp(answer, main, endless)
    await server.listen()
    try:
        yield server
    finally:
        await server.refuse()


def sse(*events: Any) -> bytes:
    """Server-sent events, each a JSON value, or (name, value)."""
    texts = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("", event)
        head = f"event: {name}\n" if name else ""
        texts.append(f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n")
    return "".join(texts).encode()

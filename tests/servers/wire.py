"""Bad answers, byte by byte: what any HTTP server can do to its client."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from tests.servers.faults import Fault

MARK = "@@MARK@@"
HUGE_SIZE = 600_000
BOMB_SIZE = 200_000_000
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST instead of FIN."""


@dataclass(frozen=True)
class Exchange:
    """A request, the fault that struck it, and the answer that would have been right.

    `wrap` makes the whole valid body around a text; `content_type` is that body's.
    """

    request: web.Request
    fault: Fault
    text: str
    wrap: Callable[[str], bytes]
    content_type: str = "application/json"

    def answer(self, body: bytes, **headers: str) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": self.content_type, **headers})


Answer = Callable[[Exchange], Awaitable[web.StreamResponse]]


def transport_of(request: web.Request) -> asyncio.Transport:
    if request.transport is None:
        raise ConnectionResetError
    return request.transport


def abort(request: web.Request) -> None:
    """Reset the connection."""
    transport = transport_of(request)
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()


def retry_header(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}


async def status(x: Exchange) -> web.StreamResponse:
    code = x.fault.status or 500
    return web.Response(
        status=code, text=x.fault.text or f"no: {code}", headers=retry_header(x.fault)
    )


async def redirect(x: Exchange) -> web.StreamResponse:
    """By default to another host name of this very server: its journal shows who followed."""
    elsewhere = f"http://localhost:{x.request.url.port}/elsewhere"
    location = {"Location": x.fault.location or elsewhere}
    return web.Response(status=x.fault.status or 302, headers=location)


async def right(x: Exchange) -> web.StreamResponse:
    return x.answer(x.wrap(x.text))


async def html(x: Exchange) -> web.StreamResponse:
    page = "<!doctype html><title>Bảo trì</title><h1>Đang bảo trì</h1>"
    return web.Response(text=page, content_type="text/html")


async def non_json(x: Exchange) -> web.StreamResponse:
    return x.answer((x.fault.text or "Xin chào, this is {not JSON").encode())


async def empty_body(x: Exchange) -> web.StreamResponse:
    return x.answer(b"")


async def content_type(x: Exchange) -> web.StreamResponse:
    wrong = {"Content-Type": x.fault.content_type or "text/plain; charset=utf-8"}
    return x.answer(x.wrap(x.text), **wrong)


async def cut(x: Exchange) -> web.StreamResponse:
    """Half of the body that Content-Length announces, then the end of the connection."""
    body = x.wrap(x.text)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {x.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    transport = transport_of(x.request)
    transport.write(head.encode() + body[: len(body) // 2])
    transport.close()
    return web.Response()


async def reset(x: Exchange) -> web.StreamResponse:
    abort(x.request)
    return web.Response()


def huge_text(size: int) -> str:
    """A valid text of `size` UTF-8 bytes, give or take one word."""
    word = "Xin chào các bạn nhỏ, "
    return (word * (size // len(word.encode()) + 1)).rstrip(", ")


@lru_cache(maxsize=4)
def bomb(before: bytes, after: bytes, size: int) -> bytes:
    """gzip of a valid body that inflates to a little more than `size` bytes."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(before)]
    packed += [packer.compress(b"a" * 1_000_000) for _ in range(size // 1_000_000)]
    return b"".join([*packed, packer.compress(b"a" * (size % 1_000_000) + after), packer.flush()])


async def gzip_bomb(x: Exchange) -> web.StreamResponse:
    before, after = x.wrap(MARK).split(MARK.encode(), 1)
    packed = await asyncio.to_thread(bomb, before, after, x.fault.size or BOMB_SIZE)
    return x.answer(packed, **{"Content-Encoding": "gzip"})


async def bad_utf8(x: Exchange) -> web.StreamResponse:
    broken = "Xin chà".encode()[:-1] + b" \xff\xfe"
    return x.answer(x.wrap(MARK).replace(MARK.encode(), broken))


ANSWERS: dict[str, Answer] = {
    "status": status,
    "redirect": redirect,
    "hang": reset,
    "hold": right,
    "slow": right,
    "html": html,
    "non_json": non_json,
    "empty_body": empty_body,
    "content_type": content_type,
    "cut": cut,
    "reset": reset,
    "huge": right,
    "gzip_bomb": gzip_bomb,
    "bad_utf8": bad_utf8,
}
"""What happens once the fault's wait is over."""

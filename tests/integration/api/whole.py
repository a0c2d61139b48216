"""Reads a response off a bare socket and sees to it that it ends as HTTP wants it to."""

import asyncio

from tests.integration.api.reading import Frame, parse_frame


async def read_whole(port: int, path: str) -> list[Frame]:
    """The frames of a chunked stream that ends with its terminator. AssertionError where torn."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert b"transfer-encoding: chunked" in head.lower()
        content = await read_chunks(reader)
    finally:
        writer.close()
    assert content.endswith(b"\n\n") or not content, content[-100:]
    frames = [parse_frame(block) for block in content.split(b"\n\n") if block]
    return [frame for frame in frames if frame]


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    content = b""
    while True:
        size = await reader.readline()
        assert size.endswith(b"\r\n"), f"torn behind {content[-100:]!r}"
        chunk = await reader.readexactly(int(size, 16) + 2)
        assert chunk.endswith(b"\r\n")
        if int(size, 16) == 0:
            return content
        content += chunk[:-2]

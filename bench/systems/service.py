"""The product through HTTP: `duologue serve` in a process of its own, a follower each.

`--more URL,PID` names the service. The client only counts bytes, so that it does not matter.
"""

import asyncio
import json
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.load import Options, Tally, options, raise_file_limit, tell, window
from bench.processes import cpu_of, rss_of

SAID = b"event: message\n"
END = b"0\r\n\r\n"


class Reader(asyncio.Protocol):
    """One connection: a request at a time; counts messages as they pass."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.gone = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.gone = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if not self._done.done():
            self._done.set_exception(exc or ConnectionResetError())

    def close(self) -> None:
        self._transport.close()

    async def ask(self, head: bytes, body: bytes, heard: Any) -> bytes:
        """The first kilobytes of the answer, once it is whole; `heard` gets each block."""
        self._done = self._loop.create_future()
        self._got, self._heard, self._length = b"", heard, -1
        self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer: bytes = await self._done
        return answer

    def data_received(self, data: bytes) -> None:
        self._heard(data)
        if len(self._got) < 8192:
            self._got += data
        if self._done.done():
            return
        if data == END or data.endswith(b"\r\n" + END) or self._is_whole():
            self._done.set_result(self._got)

    def _is_whole(self) -> bool:
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or b"chunked" in head:
            return False
        low = head.lower()
        at = low.index(b"content-length:")
        return len(body) >= int(low[at + 15 :].split(b"\r\n")[0])


class Follow:
    """Counts turns in a stream whose blocks may part anywhere."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._rest = b""
        self._messages = 0

    def __call__(self, data: bytes) -> None:
        text = self._rest + data
        count = text.count(SAID)
        for _ in range(count):
            self._messages += 1
            if self._messages % 2 == 0:
                self._tally.turn()
        keep = text.rfind(b"event: m")
        self._rest = text[keep:] if keep >= 0 and SAID not in text[keep:] else b""

    @property
    def messages(self) -> int:
        return self._messages


async def talk(host: str, port: int, tally: Tally, turns: int) -> None:
    loop = asyncio.get_running_loop()
    _, reader = await loop.create_connection(Reader, host, port)
    common = f"Host: {host}:{port}\r\nContent-Type: application/json\r\n".encode()
    body = json.dumps({"bot_id": 16, "max_turns": turns}).encode()
    made = await reader.ask(b"POST /api/conversations HTTP/1.1\r\n" + common, body, len)
    id = json.loads(made.partition(b"\r\n\r\n")[2])["conversation_id"]
    follow = Follow(tally)
    head = f"POST /api/conversations/{id}/runs HTTP/1.1\r\nAccept: text/event-stream\r\n"
    said = await reader.ask(head.encode() + common, b"{}", follow)
    reader.close()
    if follow.messages != 2 * turns:
        raise RuntimeError(f"{follow.messages} messages, not {2 * turns}: {said[:2000]!r}")


async def main(given: Options) -> None:
    url, _, pid = given.more.partition(",")
    parts = urlsplit(url)

    served = int(pid)
    host, port = str(parts.hostname), int(parts.port or 80)
    # What is made once, with the first conversation, is no part of a conversation's size.
    await asyncio.gather(*(talk(host, port, Tally(), turns=1) for _ in range(5)))
    tell(
        await window(
            partial(talk, host, port),
            given,
            cpu=lambda: cpu_of(served),
            memory=lambda: rss_of(served),
        )
    )


if __name__ == "__main__":
    raise_file_limit(10_000)
    uvloop.run(main(options(__doc__ or "")))

"""A model and a robot too cheap to matter: `python -m bench.servers llm|robot --port N`.

The model streams `--tokens` pieces, the first after `--first-ms`, the others `--token-ms` apart;
the robot answers after `--first-ms`. With all delays 0 a whole answer, still one event a piece,
leaves in one write. `GET /_stats` tells what was served and what it cost; `?reset` begins anew.

Everything that is sent is encoded before the first request. Streams that are due in the same
millisecond share one timer. No journal, no faults: those are in tests/servers.
"""

import argparse
import asyncio
import gc
import json
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

LINES = 251
"""Different answers; a prime, so that conversations in step do not hear the same one again."""

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WORDS = (
    "em thầy con chào học nói đọc viết quả táo chuối đu đủ apple banana đúng rồi vâng ạ chưa"
    " hiểu lắm mình muốn thêm một câu nữa nhé hôm nay trời đẹp quá please teach me again"
).split()


def line(seed: int, count: int) -> list[str]:
    """The pieces of one answer, each a word and a blank."""
    dice = random.Random(seed)
    return [f"{seed} ", *(f"{dice.choice(WORDS)} " for _ in range(count - 1))]


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def whole(body: bytes, status: str = "200 OK") -> bytes:
    """A complete HTTP answer in JSON."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


NOT_FOUND = whole(b'{"error": {"message": "not found"}}', "404 Not Found")
NO_LENGTH = whole(b'{"error": {"message": "Content-Length wanted"}}', "411 Length Required")


# --- when -----------------------------------------------------------------------------------------


class Clock:
    """Calls back in whole milliseconds, one timer for all that is due in the same one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stats: "Stats") -> None:
        self._loop = loop
        self._stats = stats
        self._began = loop.time()
        self._due: dict[int, list[Callable[[int], None]]] = {}

    def after(self, milliseconds: int, call: Callable[[int], None]) -> None:
        """Call with the millisecond it was due in."""
        self.at(int((self._loop.time() - self._began) * 1000) + milliseconds, call)

    def at(self, tick: int, call: Callable[[int], None]) -> None:
        if tick in self._due:
            self._due[tick].append(call)
        else:
            self._due[tick] = [call]
            self._loop.call_at(self._began + tick / 1000, self._ring, tick)

    def _ring(self, tick: int) -> None:
        self._stats.late(self._loop.time() - self._began - tick / 1000)
        for call in self._due.pop(tick):
            call(tick)


@dataclass
class Stats:
    """What was served. `late_ms` is how far timers lag: above a few, the server is the limit."""

    calls: dict[str, int] = field(default_factory=dict)
    open: int = 0
    peak: int = 0
    lost: int = 0
    latest: float = 0.0
    cpu: float = field(default_factory=time.process_time)
    since: float = field(default_factory=time.monotonic)

    def late(self, seconds: float) -> None:
        self.latest = max(self.latest, seconds)

    def count(self, what: str) -> None:
        self.calls[what] = self.calls.get(what, 0) + 1

    def count_connection(self, by: int) -> None:
        self.open += by
        self.peak = max(self.peak, self.open)

    def encode(self) -> bytes:
        facts = {
            "calls": self.calls,
            "open": self.open,
            "peak": self.peak,
            "lost": self.lost,
            "late_ms": round(self.latest * 1000, 1),
            "cpu_s": round(time.process_time() - self.cpu, 4),
            "wall_s": round(time.monotonic() - self.since, 3),
            "rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        return whole(encode(facts))

    def reset(self) -> None:
        """Begin anew, with the connections that are open."""
        self.calls.clear()
        self.peak, self.lost, self.latest = self.open, 0, 0.0
        self.cpu, self.since = time.process_time(), time.monotonic()


# --- what -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """An answer: writes, the first after `first` ms, the others `between` ms apart."""

    writes: tuple[bytes, ...]
    first: int = 0
    between: int = 0


@dataclass(frozen=True)
class Pace:
    tokens: int
    first: int
    between: int


class Model:
    """`POST /v1/chat/completions`, whole or streamed, and `GET /v1/models`."""

    HEAD = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    def __init__(self, pace: Pace) -> None:
        lines = [line(seed, pace.tokens) for seed in range(LINES)]
        self._plain = [self._stream(said, pace, usage=False) for said in lines]
        self._counted = [self._stream(said, pace, usage=True) for said in lines]
        self._whole = [self._at_once(said, pace) for said in lines]
        self._models = Plan((whole(encode({"object": "list", "data": [{"id": "bench"}]})),))
        self._served = 0

    def plan(self, path: bytes, body: bytes) -> tuple[str, Plan] | None:
        if path == b"/v1/models":
            return "models", self._models
        if path != b"/v1/chat/completions":
            return None
        self._served += 1
        at = self._served % LINES
        # inside a text the quotes would be escaped: no need to parse
        if b'"stream":true' not in body and b'"stream": true' not in body:
            return "whole", self._whole[at]
        usage = b'"include_usage":true' in body or b'"include_usage": true' in body
        return "stream", (self._counted if usage else self._plain)[at]

    def _stream(self, said: list[str], pace: Pace, *, usage: bool) -> Plan:
        events = [self._spoken({"content": piece}) for piece in said]
        events[0] = self.HEAD + self._spoken({"role": "assistant", "content": ""}) + events[0]
        events[-1] += self._spoken({}, "stop")
        if usage:
            events[-1] += self._event({"choices": [], "usage": count_usage(said)})
        events[-1] += self._chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        writes = tuple(events) if pace.between else (b"".join(events),)
        return Plan(writes, pace.first, pace.between)

    def _spoken(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _event(self, more: dict[str, Any]) -> bytes:
        head = {"id": "chatcmpl-bench", "created": 1_700_000_000, "model": "bench"}
        event = {**head, "object": "chat.completion.chunk", **more}
        return self._chunk(b"data: " + encode(event) + b"\n\n")

    def _chunk(self, data: bytes) -> bytes:
        return f"{len(data):x}\r\n".encode() + data + b"\r\n"

    def _at_once(self, said: list[str], pace: Pace) -> Plan:
        message = {"role": "assistant", "content": "".join(said)}
        body = {
            "id": "chatcmpl-bench",
            "created": 1_700_000_000,
            "model": "bench",
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": count_usage(said),
        }
        return Plan((whole(encode(body)),), pace.first + pace.between * (len(said) - 1))


def count_usage(said: list[str]) -> dict[str, int]:
    count = len(said)
    return {"prompt_tokens": 100, "completion_tokens": count, "total_tokens": 100 + count}


class Robot:
    """The robot-lesson API; any conversation is known."""

    ROOT = b"/robot-ai-lesson/api/v1/bot/"

    def __init__(self, pace: Pace) -> None:
        self._success = Plan((whole(b'{"status": 0, "msg": "Success"}'),), pace.first)
        self._replies = [self._reply(seed, pace) for seed in range(LINES)]
        self._served = 0

    def plan(self, path: bytes, body: bytes) -> tuple[str, Plan] | None:
        if path == self.ROOT + b"initConversation":
            return "init", self._success
        if path != self.ROOT + b"webhook":
            return None
        self._served += 1
        return "turn", self._replies[self._served % LINES]

    def _reply(self, seed: int, pace: Pace) -> Plan:
        text = "".join(["Thầy nghe rồi. ", *line(seed, 20), "– con đọc lại nhé!"])
        body = {"status": 0, "msg": "Success", "data": {"message": text}}
        return Plan((whole(encode(body)),), pace.first)


# --- a connection ---------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1: kept alive, bodies with Content-Length, one request at a time."""

    def __init__(self, speaker: Model | Robot, clock: Clock, stats: Stats) -> None:
        self._speaker = speaker
        self._clock = clock
        self._stats = stats
        self._got = b""
        self._plan = Plan(())
        self._next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        self._stats.count_connection(1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stats.count_connection(-1)
        self._stats.lost += self._next < len(self._plan.writes)

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self._got, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self._got) < end:
            return
        body, request, self._got = self._got[head + 4 : end], self._got[:head], self._got[end:]
        self._answer(*request.split(b" ", 2)[:2], body=body, sized=length is not None)

    def _answer(self, method: bytes, target: bytes, *, body: bytes, sized: bool) -> None:
        path, _, query = target.partition(b"?")
        planned = self._speaker.plan(path, body)
        if path == b"/_stats":
            self._tell(reset=query == b"reset")
        elif planned is None:
            self._write(NOT_FOUND)
        elif method == b"POST" and not sized:
            self._write(NO_LENGTH)
            self._transport.close()
        else:
            self._stats.count(planned[0])
            self._begin(planned[1])

    def _tell(self, *, reset: bool) -> None:
        self._write(self._stats.encode())
        if reset:
            self._stats.reset()

    def _begin(self, plan: Plan) -> None:
        self._plan, self._next = plan, 0
        if plan.first or plan.between:
            self._clock.after(plan.first, self._step)
        else:
            self._step(0)

    def _step(self, tick: int) -> None:
        if self._transport.is_closing():
            return
        self._write(self._plan.writes[self._next])
        self._next += 1
        if self._next < len(self._plan.writes):
            self._clock.at(tick + self._plan.between, self._step)


async def serve(kind: str, port: int, pace: Pace) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stats = Stats()
    clock, speaker = Clock(loop, stats), Model(pace) if kind == "llm" else Robot(pace)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(
        lambda: Connection(speaker, clock, stats), "127.0.0.1", port, backlog=4096
    )
    gc.freeze()
    sys.stdout.write(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("kind", choices=("llm", "robot"))
    options.add_argument("--port", type=int, default=0, help="0: a free one")
    options.add_argument("--tokens", type=int, default=20)
    options.add_argument("--first-ms", type=int, default=200)
    options.add_argument("--token-ms", type=int, default=20)
    given = options.parse_args()
    pace = Pace(given.tokens, given.first_ms, given.token_ms)
    uvloop.run(serve(given.kind, given.port, pace))


if __name__ == "__main__":
    main()

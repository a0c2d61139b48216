"""Every kind of bot × every way to break: typed, told with the bot's name, bounded, and resumable.

`WANTED` is the table: the codes that a fault leads to; `said` where the reply is taken after all.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from core.errors import BotError
from core.settings import Settings
from nodes.bots.python import PythonBot, PythonFunction
from nodes.speakers.protocol import Bot
from nodes.speakers.registry import Speakers
from tests.servers.broken import HUGE, BrokenHttp, broken_http, sse
from tests.unit.nodes.desk import asks

FAULTS = "refused 500 429 hang drip cut type empty huge json utf8 endless closed".split()
UNTIL = 0.3
"""Seconds that a bot has which does not answer; all others have long enough for any machine."""
ALWAYS = {
    "refused": "unreachable",
    "500": "http_error",
    "429": "http_error",
    "hang": "timeout",
    "drip": "timeout",
    "cut": "unreachable",
    "type": "bad_content_type",
    "empty": "empty",
    "huge": "too_large",
    "json": "bad_json",
    "utf8": "encoding",
    "endless": "too_large",
    "closed": "unreachable",
}
WANTED: dict[str, dict[str, str]] = {
    "webhook": {"empty": "bad_json"},
    "stream": {},
    "openai": {
        "empty": "bad_reply",
        "huge": "said",
        "utf8": "said bad_json",
    },
    "responses": {"empty": "bad_reply", "huge": "said", "utf8": "said bad_json"},
    "rasa": {"empty": "bad_json"},
    "direct-line": {"empty": "bad_json"},
    "langgraph": {},
    "websocket": {"type": "empty", "cut": "unreachable"},
    "python": {
        "refused": "unreachable",
        "500": "bad_reply",
        "cut": "unreachable",
        "type": "bad_reply",
        "utf8": "said",
    },
}
NOT_THERE = {("python", "429"), ("python", "json")}
"""A function sends no status and no JSON."""
CASES = [(kind, fault) for kind in WANTED for fault in FAULTS if (kind, fault) not in NOT_THERE]


class Rig:
    """A bot at a server of its kind that can be broken and mended."""

    def __init__(self, bot: Bot, session: dict[str, Any]) -> None:
        self.bot = bot
        self.session = session

    async def break_it(self, fault: str) -> None:
        raise NotImplementedError

    async def mend(self) -> None:
        raise NotImplementedError


class HttpRig(Rig):
    """One behind HTTP."""

    def __init__(self, bot: Bot, server: BrokenHttp, session: dict[str, Any]) -> None:
        super().__init__(bot, session)
        self.server = server

    async def break_it(self, fault: str) -> None:
        self.server.fault = fault
        if fault == "refused":
            await self.server.refuse()

    async def mend(self) -> None:
        if self.server.fault == "refused":
            await self.server.listen()
        self.server.fault = ""


def answer_json(_path: str) -> tuple[str, bytes]:
    return "application/json", b'{"text": "XX"}'


def answer_events(_path: str) -> tuple[str, bytes]:
    return "text/event-stream", sse({"text": "XX"}, "[DONE]")


def _delta(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def answer_chunks(_path: str) -> tuple[str, bytes]:
    return "text/event-stream", sse(_delta("XX"), _delta("", "stop"), "[DONE]")


def _response_event(kind: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **facts}


def answer_responses(_path: str) -> tuple[str, bytes]:
    said = _response_event("response.output_text.delta", delta="XX")
    done = _response_event("response.completed", response={"status": "completed"})
    return "text/event-stream", sse(said, done)


def answer_rasa(_path: str) -> tuple[str, bytes]:
    return "application/json", b'[{"recipient_id": "a", "text": "XX"}]'


def answer_activities(_path: str) -> tuple[str, bytes]:
    said = b'{"type": "message", "from": {"id": "bot"}, "text": "XX"}'
    return "application/json", b'{"activities": [' + said + b'], "watermark": "1"}'


def answer_graph(path: str) -> tuple[str, bytes]:
    if path.endswith("/runs/stream"):
        chunk = {"type": "AIMessageChunk", "content": "XX", "id": "a"}
        return "text/event-stream", sse(("metadata", {"run_id": "1"}), ("messages", [chunk, {}]))
    return "application/json", b'{"values": {"messages": []}, "tasks": [], "next": []}'


ENDLESS = {
    "webhook": b"",
    "stream": sse({"text": "ab" * 100}),
    "openai": sse(_delta("ab" * 100)),
    "responses": sse(_response_event("response.output_text.delta", delta="ab" * 100)),
    "rasa": b"",
    "direct-line": b"",
    "langgraph": sse(("messages", [{"type": "AIMessageChunk", "content": "ab" * 100, "id": "a"}])),
}
ANSWERS = {
    "webhook": answer_json,
    "stream": answer_events,
    "openai": answer_chunks,
    "responses": answer_responses,
    "rasa": answer_rasa,
    "direct-line": answer_activities,
    "langgraph": answer_graph,
}
CONFIGS = {
    "webhook": "{{kind: webhook, turn: {{url: '{url}/t', body: {{m: 1}}, reply: text}}}}",
    "stream": "{{kind: webhook, turn: {{url: '{url}/t', reply: text, stream: sse}}}}",
    "openai": "{{kind: openai, base_url: '{url}', model: m}}",
    "responses": "{{kind: openai, base_url: '{url}', model: m, api: responses}}",
    "rasa": "{{kind: webhook, preset: rasa, base_url: '{url}'}}",
    "direct-line": "{{kind: webhook, preset: direct-line, base_url: '{url}', headers: {{}}}}",
    "langgraph": "{{kind: langgraph, url: '{url}', name: bot x}}",
    "websocket": "{{kind: websocket, url: '{url}',"
    " turn: {{send: {{m: '{{{{message}}}}'}}, reply: text, piece: piece, done: {{done: true}}}}}}",
}


def make_bot(folder: Path, kind: str, url: str, seconds: float) -> tuple[Speakers, Bot]:
    file = folder / "bots.yaml"
    file.write_text(f"bots:\n  x: {CONFIGS[kind].format(url=url)}\n", "utf-8")
    limits = {"turn_timeout_s": seconds, "model_timeout_s": seconds, "init_timeout_s": 60.0}
    speakers = Speakers(Settings.model_validate({"bots": file, **limits}))
    return speakers, speakers.by_id("x")


class SocketRig(Rig):
    """One behind a WebSocket."""

    fault = ""
    server: Server
    port = 0

    async def listen(self) -> None:
        self.server = await serve(
            self._talk, "127.0.0.1", self.port, process_request=self._shake, close_timeout=0.1
        )
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    def close(self) -> None:
        self.server.close()

    async def break_it(self, fault: str) -> None:
        self.fault = fault
        if fault == "refused":
            self.server.close()
            await self.server.wait_closed()

    async def mend(self) -> None:
        if self.fault == "refused":
            await self.listen()
        self.fault = ""

    def _shake(self, connection: ServerConnection, _request: Request) -> Response | None:
        if self.fault not in ("500", "429"):
            return None
        answer = connection.respond(HTTPStatus(int(self.fault)), "no\n")
        answer.headers["Retry-After"] = "7"
        return answer

    async def _talk(self, connection: ServerConnection) -> None:
        async for _ in connection:
            await self._answer(connection)

    async def _answer(self, connection: ServerConnection) -> None:
        whole = '{"text": "XX", "done": true}'
        if self.fault == "hang":
            await connection.wait_closed()
        elif self.fault in ("cut", "closed"):
            await connection.send('{"piece": "X"}')
            if self.fault == "cut":
                connection.transport.abort()
            else:
                await connection.close(1001)
        elif self.fault in ("drip", "endless"):
            size = 20_000 if self.fault == "endless" else 1
            while True:
                await connection.send(f'{{"piece": "{"x" * size}"}}')
                await asyncio.sleep(0 if size > 1 else 0.02)
        else:
            spoilt: dict[str, str | bytes] = {
                "type": '{"text": 5, "done": true}',
                "empty": '{"text": "", "done": true}',
                "huge": whole.replace("XX", "x" * HUGE),
                "json": "<no json>",
                "utf8": b'{"text": "\xff", "done": true}',
            }
            await connection.send(spoilt.get(self.fault, whole))


CODE = """
import itertools, os, time
from pathlib import Path

def answer(text):
    fault = Path("fault").read_text()
    if fault == "refused":
        os._exit(3)
    if fault == "500":
        raise RuntimeError("no such lesson")
    if fault == "hang":
        time.sleep(3600)
    if fault in ("drip", "endless"):
        for _ in itertools.count():
            yield "x" * (100_000 if fault == "endless" else 1)
            time.sleep(0 if fault == "endless" else 0.02)
    if fault in ("cut", "closed"):
        yield "half"
        time.sleep(0.05)
        os._exit(3)
    whole = {"type": 5, "empty": "", "huge": "x" * 5_000_000, "utf8": "\\ud800"}
    yield whole.get(fault, "XX")
"""


class FunctionRig(Rig):
    """A function in its process."""

    def __init__(self, bot: Bot, folder: Path) -> None:
        super().__init__(bot, {})
        self.file = folder / "fault"
        self.file.write_text("")

    async def break_it(self, fault: str) -> None:
        self.file.write_text(fault)

    async def mend(self) -> None:
        self.file.write_text("")


@asynccontextmanager
async def rigged(kind: str, folder: Path, seconds: float) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        if kind == "python":
            (folder / "mine.py").write_text(CODE, "utf-8")
            config = PythonBot.model_validate({"kind": "python", "python": "mine.py:answer"})
            function = PythonFunction(config, "bot x", folder, seconds)
            stack.push_async_callback(function.aclose)
            yield FunctionRig(function, folder)
            return
        if kind == "websocket":
            socket = SocketRig.__new__(SocketRig)
            await socket.listen()
            stack.callback(socket.close)
            url = f"ws://127.0.0.1:{socket.port}"
            speakers, socket.bot = make_bot(folder, kind, url, seconds)
            socket.session = {}
            stack.push_async_callback(speakers.close)
            yield socket
            return
        main = "/runs/stream" if kind == "langgraph" else ""
        server = await stack.enter_async_context(broken_http(ANSWERS[kind], main, ENDLESS[kind]))
        speakers, bot = make_bot(folder, kind, server.url, seconds)
        stack.push_async_callback(speakers.close)
        yield HttpRig(bot, server, {"thread_id": "t"} if kind == "langgraph" else {})


async def fail_or_answer(rig: Rig) -> BotError | None:
    try:
        async with asyncio.timeout(90):
            await rig.bot.reply(asks(**rig.session), lambda _: None)
    except BotError as error:
        return error
    return None


def check_words(failure: BotError | None, fault: str) -> None:
    """One line that names the bot; what the server asks for is kept."""
    if failure is None:
        return
    assert "bot x" in failure.message or "model m" in failure.message
    assert "\n" not in failure.message
    if fault == "429":
        assert failure.transient
        assert failure.retry_after in (None, 7)


@pytest.mark.parametrize(("kind", "fault"), CASES)
async def test_a_fault_is_typed_told_bounded_and_gone_once_it_is_mended(
    kind: str, fault: str, tmp_path: Path
) -> None:
    waits = fault in ("hang", "drip")
    wanted = WANTED[kind].get(fault, ALWAYS[fault]).split()
    async with rigged(kind, tmp_path, UNTIL if waits else 100.0) as rig:
        await rig.break_it(fault)
        failure = await fail_or_answer(rig)
        check_words(failure, fault)
        assert (failure.kind if failure else "said") in wanted
        await rig.mend()
        if waits:
            return
        reply = await rig.bot.reply(asks(**rig.session), lambda _: None)
        assert list(reply.bubbles) == ["XX"]

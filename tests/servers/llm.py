"""An OpenAI-compatible server: deterministic text, any cutting of the stream, faults on demand.

`POST /v1/chat/completions` (whole or streamed) and `GET /v1/models`. Without a script it says
`line_for(n, last message)`, n being one more than the assistant messages in the request, so that
the same request gets the same answer, also after a crash.

    async with LlmServer() as llm:
        llm.script(["Em chào thầy ạ!", "Quả táo là apple."])
        llm.fail("cut", call=3, after=5)

As a process: `python -m tests.servers.llm --port N --journal FILE [--first-ms N] [--token-ms N]`.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from tests.servers import judging, standalone, wire
from tests.servers.base import FakeServer, Sender, send_one
from tests.servers.faults import WIRE_KINDS, Asked, Fault
from tests.servers.journal import Call, read_lines
from tests.servers.sse import Chunks, Form, Line, Manner, dressed, torn

MODELS = ("mock-model", "mock-judge")
STREAM = "text/event-stream; charset=utf-8"
ERRORS = {
    400: ("invalid_request_error", "context_length_exceeded"),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
BETWEEN_WRITES = 0.001
"""Seconds that keep two writes from reaching the client as one."""


def line_for(n: int, last: str) -> str:
    """The n-th line of a speaker who just heard `last`; of bounded length."""
    return f"Dạ, em trả lời lần {n}: “{last[:24]}” – em hiểu rồi ạ 😀"


@dataclass(kw_only=True)
class LlmCall(Call):
    """A request of op `chat`, `models` or `other`.

    `line` is one more than the assistant messages in it. `authorization` is `""` when absent,
    else the first 12 hex digits of the header's SHA-256. `settings` is the rest of the body.
    """

    model: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    stream: bool = False
    line: int = 1
    authorization: str = ""
    finish: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """All message contents, one a line."""
        return "\n".join(str(message.get("content") or "") for message in self.messages)


@dataclass
class Script:
    """Texts in order. `by` call: the next text a call; by line: the k-th for a speaker's k-th line,
    which suits many conversations at once and repeats itself for a repeated request. `contains`
    limits it to requests in which that is said. A script that has run dry answers 500.
    """

    texts: list[str]
    by: Literal["call", "line"] = "call"
    contains: str = ""
    spoken: int = 0

    def next(self, line: int) -> str | None:
        at = line - 1 if self.by == "line" else self.spoken
        self.spoken += 1
        return self.texts[at] if at < len(self.texts) else None


# --- faults of a model ----------------------------------------------------------------------------


def spoken(text: str | None) -> list[str]:
    return Manner().pieces(text or "")


LINES: dict[str, Callable[[Line, Fault], Line]] = {
    "text": lambda line, fault: replace(line, pieces=list(fault.texts) or spoken(fault.text)),
    "empty": lambda line, fault: replace(line, pieces=[fault.text] if fault.text else []),
    "finish": lambda line, fault: replace(
        line, pieces=line.pieces[: fault.after], finish=fault.reason or "length"
    ),
    "no_finish": lambda line, fault: replace(line, finish=None),
    "refusal": lambda line, fault: replace(
        line, pieces=[], refusal=fault.text or "I'm sorry, I can't help with that."
    ),
    "think": lambda line, fault: replace(
        line,
        pieces=[fault.text or "<think>The user wants… I play the bot.</think>\n", *line.pieces],
    ),
    "reasoning": lambda line, fault: replace(line, reasoning=fault.text or "The user wants…"),
    "surrogate": lambda line, fault: replace(line, pieces=[*line.pieces, " \ud800!"]),
    "nul": lambda line, fault: replace(line, pieces=[*line.pieces, " \0!"]),
    "huge": lambda line, fault: replace(
        line, pieces=Manner(split=500).pieces(wire.huge_text(fault.size or wire.HUGE_SIZE))
    ),
}
"""Another line than the right one, told in the right form."""

BROKEN = {
    "bad_chunk": b'data: {"id": "chatcmpl-0", "choices": [{"index": 0, "del\n\n',
    "error_event": b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n',
    "bad_utf8": b'data: {"choices": [{"index": 0, "delta": {"content": "ch\xc3 \xff"}}]}\n\n',
}
"""What comes in the middle of a stream instead of the next chunk; then the stream goes on."""

MIDWAY = frozenset(("hang", "cut", "reset", "no_finish", *BROKEN))
AT_ONCE = frozenset(("hang", "reset"))
"""Without `after` these act before the first byte; the others in the middle of the text."""

RIGHT = frozenset(("slow", "hold", *LINES))


def error_body(status: int, text: str | None) -> dict[str, Any]:
    kind, code = ERRORS.get(status, ("server_error", "internal_error"))
    return {"error": {"message": text or f"mock {code}", "type": kind, "param": None, "code": code}}


async def status(x: wire.Exchange) -> web.StreamResponse:
    code = x.fault.status or 500
    body, headers = error_body(code, x.fault.text), wire.retry_header(x.fault)
    return web.json_response(body, status=code, headers=headers)


async def broken_body(x: wire.Exchange) -> web.StreamResponse:
    return x.answer(x.wrap(x.text)[:-20])


ANSWERS: dict[str, wire.Answer] = {
    **wire.ANSWERS,
    "status": status,
    "bad_chunk": broken_body,
    "error_event": status,
}


class LlmServer(FakeServer[LlmCall]):
    """Kinds besides those of `WIRE_KINDS`: text (`text`, or `texts`, the pieces), empty (`text`:
    blanks), finish (`reason`: length, content_filter …), no_finish, refusal, think, reasoning,
    surrogate, nul, bad_chunk, error_event. In a stream `after=n` lets hang, cut, reset, no_finish,
    bad_chunk, error_event and bad_utf8 act after n pieces.

    `judges` are the models that answer a judge's prompt, each in one of the ways of `judging`; `*`
    stands for any model. `player` answers every prompt where it is set. Without `knows_schemas`
    output by JSON Schema is refused with 400.
    """

    kinds = WIRE_KINDS | LINES.keys() | ANSWERS.keys()

    def __init__(
        self,
        *,
        port: int = 0,
        journal: Path | None = None,
        delay: float = 0.0,
        manner: Manner | None = None,
    ) -> None:
        super().__init__(port=port, journal=journal, delay=delay)
        self.manner = manner or Manner()
        self.scripts: list[Script] = []
        self.judges: dict[str, str] = {}
        self.player: Callable[[list[dict[str, Any]]], str] | None = None
        self.knows_schemas = True

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL wants."""
        return f"{self.url}/v1"

    def script(self, texts: Iterable[str], **how: Any) -> Script:
        """Say these texts; `Script` tells how. The first script that fits a request serves it."""
        script = Script(list(texts), **how)
        self.scripts.append(script)
        return script

    def set(
        self,
        *,
        delay: float | None = None,
        manner: dict[str, Any] | None = None,
        script: dict[str, Any] | None = None,
        judges: dict[str, str] | None = None,
        knows_schemas: bool | None = None,
    ) -> None:
        super().set(delay=delay)
        self.judges |= judges or {}
        self.knows_schemas = self.knows_schemas if knows_schemas is None else knows_schemas
        self.manner = replace(self.manner, **(manner or {}))
        if script is not None:
            self.script(**script)

    # --- a request ------------------------------------------------------------------------------

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self.serve("chat"))
        app.router.add_get("/v1/models", self.serve("models"))

    def record(self, facts: dict[str, Any], request: web.Request, body: bytes) -> LlmCall:
        call = LlmCall(**facts, authorization=digest(request.headers.get("Authorization")))
        given = json_object(body)
        call.model, call.stream = str(given.pop("model", "")), given.pop("stream", False) is True
        messages = given.pop("messages", [])
        call.messages = [m for m in messages if isinstance(m, dict)]
        call.line = 1 + sum(m.get("role") == "assistant" for m in call.messages)
        call.settings = given
        return call

    def ask(self, call: LlmCall, nth: int) -> Asked:
        return Asked(call.op, call.op == "chat", nth, call.line, None, f"{call.model}\n{call.said}")

    def decide(self, request: web.Request, call: LlmCall, fault: Fault | None) -> Sender:
        if call.op == "models":
            return self._models(request, fault)
        if call.op == "other" or not (call.model and call.messages):
            return self._refusal(call, 404 if call.op == "other" else 400, "not a chat request")
        wanted = call.settings.get("response_format") or {}
        if wanted.get("type") == "json_schema" and not self.knows_schemas:
            return self._refusal(call, 400, "response_format json_schema is not supported")
        text = self._text(call)
        if text is None:
            return self._refusal(call, 500, "script ran dry")
        line = Line(self.manner.pieces(text))
        if fault is not None and fault.kind in LINES:
            line = LINES[fault.kind](line, fault)
        if fault is None or fault.kind in RIGHT:
            call.reply, call.finish = line.text, line.finish
        return self._chat(request, call, fault, line)

    def _refusal(self, call: LlmCall, status: int, why: str) -> Sender:
        """Not a fault of ours but of the caller or the test; the journal has it as `fault`."""
        call.fault = why
        return send_one(web.json_response(error_body(status, why), status=status))

    def _models(self, request: web.Request, fault: Fault | None) -> Sender:
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "mock"} for name in MODELS
        ]
        body = json.dumps({"object": "list", "data": models}).encode()
        x = wire.Exchange(request, fault or Fault("slow"), "", lambda text: body)
        return lambda: ANSWERS.get(x.fault.kind, wire.right)(x)

    def _text(self, call: LlmCall) -> str | None:
        if self.player is not None:
            return self.player(call.messages)
        judge = self.judges.get(call.model) or self.judges.get("*")
        if judge is not None:
            return judging.answer(judge, call.messages)
        for script in self.scripts:
            if script.contains in call.said:
                return script.next(call.line)
        return line_for(call.line, str(call.messages[-1].get("content") or ""))

    def _chat(self, request: web.Request, call: LlmCall, fault: Fault | None, line: Line) -> Sender:
        options = call.settings.get("stream_options") or {}
        form = Form(
            call.number, call.model, len(call.said.split()), bool(options.get("include_usage"))
        )
        if not call.stream:
            x = exchange(request, fault, line, form.whole, "application/json")
            return lambda: ANSWERS.get(x.fault.kind, wire.right)(x)
        chunks = form.chunks(line)
        if fault is None or fault.kind in RIGHT or strikes_midway(fault):
            return lambda: self._stream(request, chunks, fault)
        x = exchange(request, fault, line, lambda line: b"".join(form.chunks(line).all), STREAM)
        return lambda: ANSWERS[x.fault.kind](x)

    # --- a stream -------------------------------------------------------------------------------

    async def _stream(
        self, request: web.Request, chunks: Chunks, fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": STREAM, "Cache-Control": "no-cache"})
        if self.manner.first_delay:
            await asyncio.sleep(self.manner.first_delay)
        await response.prepare(request)
        writer = Writer(response, self.manner)
        if fault is None or fault.kind not in MIDWAY:
            await writer.all(chunks)
        else:
            await self._stream_until(fault, request, chunks, writer)
        return response

    async def _stream_until(
        self, fault: Fault, request: web.Request, chunks: Chunks, writer: "Writer"
    ) -> None:
        """Stream `after` pieces, then let the fault act."""
        whole = len(chunks.spoken)
        usual = whole if fault.kind == "no_finish" else whole // 2
        count = usual if fault.after is None else fault.after
        await writer.some([*chunks.first, *chunks.spoken[:count]])
        if fault.kind in BROKEN:
            await writer.some([BROKEN[fault.kind], *chunks.spoken[count:], *chunks.last])
        elif fault.kind == "cut":
            wire.transport_of(request).close()
        elif fault.kind in ("hang", "reset"):
            await self.pause(fault)
            wire.abort(request)


class Writer:
    """Writes events in a manner: as one, each alone, or each torn in two."""

    def __init__(self, response: web.StreamResponse, manner: Manner) -> None:
        self._response = response
        self._manner = manner

    async def all(self, chunks: Chunks) -> None:
        manner = self._manner
        if manner.framing == "one":
            await self._response.write(b"".join(dressed(event, manner) for event in chunks.all))
        else:
            await self.some(chunks.first)
            await self._spoken(chunks.spoken)
            await self.some(chunks.last)

    async def _spoken(self, events: list[bytes]) -> None:
        delay = self._manner.token_delay
        for nth, event in enumerate(events):
            if nth and delay:
                await asyncio.sleep(delay)
            await self._one(event)

    async def some(self, events: Iterable[bytes]) -> None:
        for event in events:
            await self._one(event)

    async def _one(self, event: bytes) -> None:
        whole = dressed(event, self._manner)
        if self._manner.framing != "two":
            await self._response.write(whole)
            return
        for part in torn(whole):
            await self._response.write(part)
            await asyncio.sleep(BETWEEN_WRITES)


def strikes_midway(fault: Fault) -> bool:
    return fault.kind in MIDWAY and (fault.midway or fault.kind not in AT_ONCE)


def exchange(
    request: web.Request,
    fault: Fault | None,
    line: Line,
    encode: Callable[[Line], bytes],
    content_type: str,
) -> wire.Exchange:
    def wrap(text: str) -> bytes:
        return encode(line if text == line.text else replace(line, pieces=[text]))

    return wire.Exchange(request, fault or Fault("slow"), line.text, wrap, content_type)


def digest(authorization: str | None) -> str:
    return hashlib.sha256(authorization.encode()).hexdigest()[:12] if authorization else ""


def json_object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def read_journal(path: Path) -> list[LlmCall]:
    """The calls in the file of a model process."""
    return [LlmCall(**line) for line in read_lines(path)]


def main() -> None:
    options = standalone.parser("A scriptable OpenAI-compatible server on 127.0.0.1.")
    options.add_argument("--first-ms", type=float, default=0.0, help="to the first token")
    options.add_argument("--token-ms", type=float, default=0.0, help="per further token")
    options.add_argument("--judge", choices=judging.JUDGES, help="answer as a judge")
    given = options.parse_args()
    manner = Manner(first_delay=given.first_ms / 1000, token_delay=given.token_ms / 1000)
    llm = LlmServer(
        port=given.port, journal=given.journal, delay=given.delay_ms / 1000, manner=manner
    )
    if given.judge:
        llm.judges["*"] = given.judge
    asyncio.run(standalone.serve(llm))


if __name__ == "__main__":
    main()

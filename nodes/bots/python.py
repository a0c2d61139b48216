"""A bot at hand: a Python function, run in a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field

from core.errors import BotError
from core.text import clean, clean_deep
from nodes.bots.config import BotConfig, Seconds
from nodes.bots.kinds import BotKind, Toolbox
from nodes.bots.parts import Bubble, join_typing, make_reply, read_parts
from nodes.calls.http import MAX_REPLY_BYTES
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

_WORKER = Path(__file__).with_name("python_worker.py")
Answer = Mapping[str, Any]


def _check_function(value: str) -> str:
    place, _, name = value.rpartition(":")
    module = place.removesuffix(".py") if place.endswith(".py") else place
    if not module or not name.isidentifier():
        raise ValueError("must read FILE.py:FUNCTION or MODULE:FUNCTION")
    return value


class PythonBot(BotConfig):
    """A function of yours, sync or async; a generator streams its reply."""

    usual_memory = "ours"
    kind: Literal["python"]
    python: Annotated[str, Field(max_length=1000), AfterValidator(_check_function)] = Field(
        description="FILE.py:FUNCTION or MODULE:FUNCTION, from the folder of bots.yaml."
    )
    greets: bool = Field(False, description="It speaks first: called with an empty text, turn 0.")
    timeout_s: Seconds | None = None


class _Process(asyncio.SubprocessProtocol):
    """The worker as a protocol: lines that come in go to the queue of the call they belong to."""

    def __init__(self) -> None:
        self.calls: dict[int, asyncio.Queue[Answer | None]] = {}
        self.transport: asyncio.SubprocessTransport | None = None
        self.ended = asyncio.Event()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if queue := self.calls.get(answer["id"]):
                queue.put_nowait(answer)
        if len(self._rest) > 2 * MAX_REPLY_BYTES:
            self.kill()

    @property
    def is_lost(self) -> bool:
        return self.ended.is_set()

    def process_exited(self) -> None:
        self.ended.set()
        if self.transport is not None:
            self.transport.close()
        for queue in self.calls.values():
            queue.put_nowait(None)

    def send(self, message: Mapping[str, Any]) -> None:
        if not self.is_lost and self.transport is not None:
            pipe = self.transport.get_pipe_transport(0)
            cast("asyncio.WriteTransport", pipe).write(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        if self.transport is not None:
            with suppress(ProcessLookupError):
                self.transport.kill()


class PythonFunction:
    """Calls the function in its process, which is started with the first call."""

    remembers = False

    def __init__(self, config: PythonBot, name: str, folder: Path, timeout_s: float) -> None:
        self.name = name
        self.greets = config.greets
        self._function = config.python
        self._folder = folder
        self._timeout_s = timeout_s
        self._numbers = count(1)
        self._process: _Process | None = None
        self._starting = asyncio.Lock()

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        call = {
            "text": ask.text if ask.turn else "",
            "turn": ask.turn,
            "conversation_id": ask.conversation_id,
            "seed": ask.seed,
            "messages": [dict(line) for line in ask.messages],
            "session": dict(ask.session),
            "choice": ask.choice,
        }
        answer = await self._ask(call, piece)
        said = join_typing(self._read(answer["bubbles"]))
        if not said and not answer["ended"]:
            raise self._error("empty", "returned nothing to say")
        return make_reply(said, answer["ended"], clean_deep(answer["session"]))

    def _read(self, bubbles: Any) -> list[Bubble]:
        """Texts, or dicts with `text` and `parts`. Raises `BotError`."""
        if not isinstance(bubbles, list):
            kind = type(bubbles).__name__
            raise self._error("bad_reply", f"returned {kind}, not str, dict or a list of those")
        try:
            return [_read_bubble(each) for each in bubbles]
        except ValueError as error:
            raise self._error("bad_reply", f"returned {error}") from None

    async def close(self, ask: TurnRequest) -> None:
        """It need not know."""

    async def ping(self) -> str:
        await self._ask({"load": True}, lambda _: None)
        return f"{self.name} ({self._function}) can be called"

    async def aclose(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.ended.wait()

    async def _ask(self, call: Mapping[str, Any], piece: OnPiece) -> Answer:
        process = await self._start()
        async with self._call(process, call) as answers:
            size = 0
            while (answer := await answers.get()) is not None:
                if "error" in answer:
                    kind = "init" if answer.get("loading") else "bad_reply"
                    raise self._error(kind, f"failed: {clean(answer['error'])}")
                size += len(answer.get("piece", "")) + sum(map(len, _texts(answer)))
                if size > MAX_REPLY_BYTES:
                    raise self._error("too_large", f"said more than {MAX_REPLY_BYTES:,} characters")
                if "reply" in answer:
                    return cast("Answer", answer["reply"])
                piece(clean(answer["piece"]))
        raise self._error("unreachable", "ended its process without an answer", transient=True)

    @asynccontextmanager
    async def _call(
        self, process: _Process, call: Mapping[str, Any]
    ) -> AsyncIterator["asyncio.Queue[Answer | None]"]:
        """Where the answers to this call arrive; what nobody waits for any more is cancelled."""
        id = next(self._numbers)
        answers = process.calls[id] = asyncio.Queue[Answer | None]()
        hangs = False
        try:
            async with asyncio.timeout(self._timeout_s):
                process.send({"id": id, "function": self._function, **call})
                yield answers
        except TimeoutError:
            hangs = True
            why = f"did not answer within {self._timeout_s:g} s"
            raise self._error("timeout", why, transient=True) from None
        finally:
            del process.calls[id]
            process.send({"cancel": id, "hangs": hangs})

    async def _start(self) -> _Process:
        async with self._starting:
            if self._process is None or self._process.is_lost:
                loop = asyncio.get_running_loop()
                _, self._process = await loop.subprocess_exec(
                    _Process, sys.executable, str(_WORKER), cwd=self._folder, stderr=None
                )
            return self._process

    def _error(self, kind: str, what: str, *, transient: bool = False) -> BotError:
        return BotError(kind, f"{self.name} ({self._function}) {what}", transient=transient)


def _read_bubble(data: Any) -> Bubble:
    if isinstance(data, str):
        return Bubble(clean(data))
    if not isinstance(data, dict):
        raise ValueError(f"a {type(data).__name__}, not str or dict")  # noqa: TRY004 - the bot's
    if unknown := sorted(map(str, data.keys() - {"text", "parts"})):
        raise ValueError(f"a dict with {unknown[0]}, where text and parts may stand")
    if not isinstance(data.get("text", ""), str):
        raise ValueError("a text that is no str")  # noqa: TRY004 - the bot's
    return Bubble(clean(data.get("text", "")), tuple(read_parts(data.get("parts", []))))


def _texts(answer: Answer) -> list[str]:
    bubbles = answer.get("reply", {}).get("bubbles")
    told = bubbles if isinstance(bubbles, list) else []
    return [text if isinstance(text, str) else json.dumps(text) for text in told]


def _make(config: PythonBot, id: str, tools: Toolbox) -> PythonFunction:
    folder = tools.settings.bots.absolute().parent
    timeout_s = config.timeout_s or tools.settings.turn_timeout_s
    return PythonFunction(config, config.name or f"bot {id}", folder, timeout_s)


KINDS = (BotKind(PythonBot, _make),)

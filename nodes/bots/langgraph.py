"""A bot that is a graph on a LangGraph server: a thread a conversation, a run a turn."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, TypeVar
from uuid import NAMESPACE_URL, uuid5

import orjson

from core.errors import BotError
from core.files import resolve_secrets
from core.message import Usage
from core.settings import Settings
from core.sse_parser import SseParser
from core.text import clean
from nodes.bots.config import BotConfig, Seconds, Url
from nodes.bots.kinds import BotKind, Toolbox
from nodes.calls.http import MAX_REPLY_BYTES, Answer, HttpClient, read_body, request
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

T = TypeVar("T")
MOST_SETTLED = 10_000
Json = dict[str, Any]


class LangGraphBot(BotConfig):
    """A graph on a LangGraph server."""

    kind: Literal["langgraph"]
    url: Url
    assistant: str = "agent"
    headers: dict[str, str] = {}
    timeout_s: Seconds | None = None


class LangGraphServerBot:
    """Speaks the server's own protocol; what the graph adds to `messages` is the reply.

    Where the graph waits at an interrupt, the next line resumes it.
    """

    remembers = True
    greets = False

    def __init__(self, config: LangGraphBot, http: HttpClient, settings: Settings) -> None:
        self.name = config.name or config.assistant
        self._config = config
        self._http = http
        self._timeout_s = config.timeout_s or settings.turn_timeout_s
        self._open_s = settings.init_timeout_s
        self._settled: OrderedDict[str, None] = OrderedDict()
        """Threads whose last call ended well in this process: no turn of theirs is in doubt."""

    async def open(self, ask: TurnRequest) -> Json:
        """Makes the thread. Its id follows from the conversation's, so made twice it is one."""
        thread = str(uuid5(NAMESPACE_URL, f"duologue:{ask.conversation_id}"))
        wanted = {
            "thread_id": thread,
            "if_exists": "do_nothing",
            "metadata": {"conversation_id": ask.conversation_id},
        }
        made = await self._within(
            self._open_s, self._json("POST", "/threads", wanted, f"{ask.conversation_id}:init")
        )
        if made.get("thread_id") != thread:
            raise BotError("init", f"{self._address} did not make the thread it was asked for")
        self._settle(thread)
        return {"thread_id": thread}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        return await self._within(self._timeout_s, self._turn(ask, piece))

    async def close(self, ask: TurnRequest) -> None:
        """It need not know."""

    async def ping(self) -> str:
        await self._within(self._open_s, self._json("GET", "/ok"))
        return f"{self._address} answers"

    async def _turn(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        thread = str(ask.session["thread_id"])
        place = f"/threads/{thread}"
        preview = Preview(piece)
        if thread not in self._settled:
            # The turn may have been asked for before: asked again, the graph would add to it.
            state = await self._json("GET", f"{place}/state")
            if _answered(_messages(state), ask.key) and not state.get("next"):
                return self._settled_with(thread, self._read(state, ask, preview))
        self._settled.pop(thread, None)
        async with self._request("POST", f"{place}/runs/stream", self._run(ask), ask.key) as answer:
            _must_stream(answer, self._address)
            async for event, data in _events(answer, self._address):
                if event == "error":
                    raise BotError("bad_reply", f"{self._address} failed: {_reason(data)}")
                if event == "messages" and isinstance(data, list) and data:
                    preview.take(data[0])
        try:
            state = await self._json("GET", f"{place}/state")
        except BotError as error:
            error.unheard = False  # the run itself was done
            raise
        return self._settled_with(thread, self._read(state, ask, preview))

    def _settled_with(self, thread: str, reply: Reply) -> Reply:
        self._settle(thread)
        return reply

    def _settle(self, thread: str) -> None:
        self._settled[thread] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)

    def _run(self, ask: TurnRequest) -> Json:
        line = {"type": "human", "content": ask.text, "id": ask.key}
        given: Json = {"input": {"messages": [line]}}
        if ask.session.get("interrupted"):
            given = {"command": {"resume": ask.text}}
        # A run that a crash of ours left behind gives way to the one that repeats its turn.
        return {
            **given,
            "assistant_id": self._config.assistant,
            "stream_mode": ["messages-tuple"],
            "multitask_strategy": "rollback",
            "on_disconnect": "cancel",
        }

    def _read(self, state: Json, ask: TurnRequest, preview: "Preview") -> Reply:
        said = _messages(state)
        waits = [
            interrupt.get("value")
            for task in _dicts(state.get("tasks"))
            for interrupt in _dicts(task.get("interrupts"))
        ]
        new = _answered(said, ask.key) or _new(said, ask.session.get("said", 0))
        new = new or preview.messages
        texts = [text for text in map(_text, new) if text.strip()]
        if not texts:
            texts = [_told(value) for value in waits]
        if not texts:
            raise BotError("empty", f"{self._address} added no message of type ai to `messages`")
        session = {**ask.session, "interrupted": bool(waits), "said": len(said)}
        return Reply(texts, usage=_usage(new), session=session)

    # --- HTTP -------------------------------------------------------------------------------

    @property
    def _address(self) -> str:
        return f"{self.name} ({self._config.url})"

    async def _within(self, seconds: float, call: Awaitable[T]) -> T:
        return await within(seconds, BotError, self._address, call)

    def _request(
        self, method: str, path: str, content: Json | None, key: str = ""
    ) -> AbstractAsyncContextManager[Answer]:
        headers = {name: resolve_secrets(value) for name, value in self._config.headers.items()}
        headers |= {"Content-Type": "application/json"} if content is not None else {}
        headers |= {"Idempotency-Key": key} if key else {}
        return request(
            self._http,
            BotError,
            method,
            resolve_secrets(self._config.url).rstrip("/") + path,
            address=self._address,
            headers=headers,
            content=None if content is None else orjson.dumps(content),
        )

    async def _json(
        self, method: str, path: str, content: Json | None = None, key: str = ""
    ) -> Json:
        async with self._request(method, path, content, key) as answer:
            data = _parse_json(await read_body(answer, BotError, self._address), self._address)
        if not isinstance(data, dict):
            raise BotError("bad_reply", f"{self._address} answered {path} with no JSON object")
        return data


class Preview:
    """What is streamed: the first message as it grows, all of them in the end."""

    def __init__(self, piece: OnPiece) -> None:
        self._piece = piece
        self._by_id: dict[str, Json] = {}

    def take(self, message: Any) -> None:
        """A message, or a chunk of one; only the bot's own are heard."""
        if _type(message) not in ("ai", "AIMessageChunk"):
            return
        text, id = _text(message), str(message.get("id"))
        known = self._by_id.setdefault(id, {"type": "ai", "content": ""})
        known["content"] += text
        if text and id == next(iter(self._by_id)):
            self._piece(text)

    @property
    def messages(self) -> list[Json]:
        return list(self._by_id.values())


def _messages(state: Json) -> list[Any]:
    values = state.get("values")
    said = values.get("messages") if isinstance(values, dict) else None
    return said if isinstance(said, list) else []


def _answered(said: Sequence[Any], key: str) -> list[Json]:
    """What the bot said behind the line that has this key; nothing where the line is not there."""
    at = next((at for at, each in enumerate(said) if _is_line(each, key)), len(said))
    return [each for each in said[at + 1 :] if _type(each) == "ai"]


def _is_line(message: Any, key: str) -> bool:
    return bool(_type(message) == "human" and message.get("id") == key)


def _new(said: Sequence[Any], known: int) -> list[Json]:
    """The bot's messages behind the first `known`; of a list that was cut, the last ones."""
    if len(said) < known:
        known = max((at for at, each in enumerate(said) if _type(each) == "human"), default=0)
    return [each for each in said[known:] if _type(each) == "ai"]


def _dicts(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _type(message: Any) -> Any:
    return message.get("type") if isinstance(message, dict) else None


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return clean(content)
    blocks = content if isinstance(content, list) else []
    texts = [block if isinstance(block, str) else _block(block) for block in blocks]
    return clean("".join(texts))


def _block(block: Any) -> str:
    text = block.get("text") if isinstance(block, dict) else None
    return text if isinstance(text, str) else ""


def _told(value: Any) -> str:
    """What an interrupt says to a person."""
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _usage(messages: Sequence[Json]) -> Usage | None:
    counted = _dicts([message.get("usage_metadata") for message in messages])
    if not any(counted):
        return None
    return {
        "input_tokens": sum(_count(each.get("input_tokens")) for each in counted),
        "output_tokens": sum(_count(each.get("output_tokens")) for each in counted),
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _reason(data: Any) -> str:
    """What the server says of a failed run."""
    if not isinstance(data, dict):
        return clean(str(data))[:500]
    parts = [str(data[name]) for name in ("error", "message") if data.get(name)]
    return clean(": ".join(dict.fromkeys(parts)))[:500] or "no reason given"


# --- the event stream -----------------------------------------------------------------------------


def _must_stream(answer: Answer, address: str) -> None:
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise BotError("bad_content_type", f"{address} sent {kind[:80] or 'no type'}, not a stream")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise BotError("encoding", f"{address} sent a compressed stream unasked")


async def _events(answer: Answer, address: str) -> AsyncIterator[tuple[str, Any]]:
    """The events with their data; comments and events without data are left out."""
    parser, size = SseParser(), 0
    async for block in answer.content.iter_any():
        size += len(block)
        if size > MAX_REPLY_BYTES:
            raise BotError("too_large", f"{address} sent more than {MAX_REPLY_BYTES // 10**6} MB")
        for event in parser.feed(block):
            if event.data.strip():
                yield event.event, _parse_json(event.data, address)


def _parse_json(content: bytes, address: str) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # takes lone surrogates, which orjson refuses
    except UnicodeDecodeError:
        raise BotError("encoding", f"{address} sent what is not UTF-8") from None
    except (ValueError, RecursionError):
        raise BotError("bad_json", f"{address} sent what is not JSON", transient=True) from None


def _make(config: LangGraphBot, _id: str, tools: Toolbox) -> LangGraphServerBot:
    return LangGraphServerBot(config, tools.http, tools.settings)


KINDS = (BotKind(LangGraphBot, _make),)

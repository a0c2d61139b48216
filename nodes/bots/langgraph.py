"""A bot that is a graph on a LangGraph server: a thread a conversation, a run a turn."""

import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

import httpx
import orjson
from pydantic import Field

from core.errors import BotError
from core.files import resolve_secrets
from core.message import Usage
from core.parts import Part, PartKind
from core.settings import Settings
from core.text import clean
from nodes.bots.config import BotConfig, Seconds, Template, Url
from nodes.bots.kinds import BotKind, Toolbox
from nodes.bots.parts import Bubble, join_typing, make_reply, read_parts
from nodes.bots.templates import fill_deep, request_variables
from nodes.calls.http import HttpClient
from nodes.calls.httpx_transport import SpeakerTransport
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

if TYPE_CHECKING:
    from langgraph_sdk.client import LangGraphClient
    from langgraph_sdk.schema import StreamPart

T = TypeVar("T")
MOST_SETTLED = 10_000
MOST_STATES = 1000
FORK_OF, CHECKPOINT = "fork_of", "checkpoint_id"
"""Keys of a session: what a fork is to be copied from, and where its first run goes on."""
Json = dict[str, Any]


class LangGraphBot(BotConfig):
    """A graph on a LangGraph server."""

    memories = frozenset({"replay", "server_fork", "lost"})
    causes_effects = True
    usual_memory = "replay"
    kind: Literal["langgraph"]
    url: Url
    assistant: str = "agent"
    headers: dict[str, str] = {}
    context: dict[str, Template] = Field({}, description="The run's context, in each turn.")
    config: dict[str, Template] = Field(
        {}, description="The run's config: `configurable`, `tags`, `recursion_limit`."
    )
    greets: bool = Field(False, description="It speaks first: it is run without a message.")
    greeting_message: str | None = Field(
        None, description="What makes it speak first; never part of the conversation."
    )
    timeout_s: Seconds | None = None
    greeting_hint: ClassVar[str] = "; give it `greets: true` or a greeting_message in bots.yaml"


class LangGraphServerBot:
    """Speaks to the server through langgraph_sdk; what the graph adds to `messages` is the reply.

    Where the graph waits at an interrupt, the next line resumes it.
    """

    remembers = True

    def __init__(self, config: LangGraphBot, http: HttpClient, settings: Settings) -> None:
        self.name = config.name or config.assistant
        self.greets = config.greets or config.greeting_message is not None
        self._config = config
        self._address = f"{self.name} ({config.url})"
        self._transport = SpeakerTransport(http, BotError, self._address)
        self._timeout_s = config.timeout_s or settings.turn_timeout_s
        self._open_s = settings.init_timeout_s
        self._settled: OrderedDict[str, None] = OrderedDict()
        """Threads whose last call ended well in this process: no turn of theirs is in doubt."""

    async def open(self, ask: TurnRequest) -> Json:
        """Makes the thread. Its id follows from the conversation's, so made twice it is one.

        A fork's is a copy of the parent's, where the server is to fork it.
        """
        if source := ask.session.get(FORK_OF):
            return await self._within(self._open_s, self._copy_thread(source))
        id = str(uuid5(NAMESPACE_URL, f"duologue:{ask.conversation_id}"))
        creating = self._client().threads.create(
            thread_id=id,
            if_exists="do_nothing",
            metadata={"conversation_id": ask.conversation_id},
            headers={"Idempotency-Key": f"{ask.conversation_id}:init"},
        )
        thread = _must_be_object(await self._within(self._open_s, creating), self._address)
        if thread.get("thread_id") != id:
            raise BotError("init", f"{self._address} did not make the thread it was asked for")
        self._settle(id)
        return {"thread_id": id}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        return await self._within(self._timeout_s, self._take_turn(ask, piece))

    async def close(self, ask: TurnRequest) -> None:
        """It need not know."""

    async def ping(self) -> str:
        await self._within(self._open_s, self._client().http.get("/ok"))
        return f"{self._address} answers"

    async def _take_turn(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        id, client = str(ask.session["thread_id"]), self._client()
        preview = Preview(piece)
        if id not in self._settled:
            # The turn may have been asked for before: asked again, the graph would add to it.
            state = await self._state(client, id)
            if self._is_answered(state, ask):
                return self._settle_with(id, self._read(state, ask, preview))
        self._settled.pop(id, None)
        await self._run(client, id, ask, preview)
        try:
            state = await self._state(client, id)
        except BotError as error:
            error.unheard = False  # the run itself was done
            raise
        return self._settle_with(id, self._read(state, ask, preview))

    async def _copy_thread(self, source: Mapping[str, Any]) -> Json:
        """The session of a copied thread that goes on after a turn of the first one."""
        client, id, turn = self._client(), str(source["thread_id"]), int(source["turn"])
        history = await _translate_errors(
            client.threads.get_history(id, limit=MOST_STATES), self._address
        )
        found = [state for state in _dicts(history) if _is_after(state, turn)]
        if not found:
            what = f"has no state of its own after turn {turn}; with `memory: replay` it hears "
            said = f"{self._address} {what}the lines again instead"
            raise BotError("init", said, retryable=False, unheard=True)
        made = await _translate_errors(
            client.http.post(f"/threads/{id}/copy", json=None), self._address
        )
        copy = _must_be_object(made, self._address)
        if not isinstance(copy.get("thread_id"), str):
            raise BotError("init", f"{self._address} did not say which thread the copy is")
        place = found[0].get("checkpoint")
        checkpoint = place.get("checkpoint_id") if isinstance(place, dict) else None
        said_before = len(_messages(found[0]))
        return {"thread_id": copy["thread_id"], CHECKPOINT: checkpoint, "said": said_before}

    async def _run(
        self, client: "LangGraphClient", id: str, ask: TurnRequest, preview: "Preview"
    ) -> None:
        greeting = self._config.greeting_message
        text = ask.text if ask.turn else greeting or ""
        line = {"type": "human", "content": text, "id": ask.key}
        speaks_alone = not ask.turn and greeting is None
        given: Any = {"input": {"messages": [] if speaks_alone else [line]}}
        if ask.session.get("interrupted"):
            given = {"command": {"resume": ask.text}}
        stream = client.runs.stream(
            id,
            self._config.assistant,
            **given,
            stream_mode=["messages-tuple"],
            checkpoint_id=ask.session.get(CHECKPOINT),
            context=self._fill(self._config.context, ask),
            config=self._fill(self._config.config, ask),
            multitask_strategy="rollback",  # a run that a crash of ours left gives way to this one
            on_disconnect="cancel",
            headers={"Idempotency-Key": ask.key},
        )
        async with aclosing(cast("AsyncGenerator[StreamPart]", stream)):
            async for part in stream:
                data: Any = part.data
                if part.event == "error":
                    raise BotError("bad_reply", f"{self._address} failed: {_reason(data)}")
                if part.event == "messages" and isinstance(data, list) and data:
                    preview.take(data[0])

    def _fill(self, template: Mapping[str, Any], ask: TurnRequest) -> Any:
        """What a run is given besides its messages; None where nothing is."""
        return fill_deep(dict(template), request_variables(ask, ask.key, None)) or None

    async def _state(self, client: "LangGraphClient", thread_id: str) -> Json:
        state = await _translate_errors(client.threads.get_state(thread_id), self._address)
        return _must_be_object(state, self._address)

    def _is_answered(self, state: Json, ask: TurnRequest) -> bool:
        messages = _messages(state)
        greeted = ask.turn == 0 and _find_new_messages(messages, ask.session.get("said", 0))
        return bool(_answers_to(messages, ask.key) or greeted) and not state.get("next")

    def _settle_with(self, thread_id: str, reply: Reply) -> Reply:
        self._settle(thread_id)
        return reply

    def _settle(self, thread_id: str) -> None:
        self._settled[thread_id] = None
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)

    def _read(self, state: Json, ask: TurnRequest, preview: "Preview") -> Reply:
        messages = _messages(state)
        waits = [
            interrupt.get("value")
            for task in _dicts(state.get("tasks"))
            for interrupt in _dicts(task.get("interrupts"))
        ]
        new = _answers_to(messages, ask.key) or _find_new_messages(
            messages, ask.session.get("said", 0)
        )
        new = new or preview.messages
        said = join_typing(Bubble(_text(each), _parts(each)) for each in new)
        if not said:
            said = [Bubble(_interrupt_text(value)) for value in waits]
        if not said:
            raise BotError("empty", f"{self._address} added no message of type ai to `messages`")
        kept = {name: value for name, value in ask.session.items() if name != CHECKPOINT}
        session = {**kept, "interrupted": bool(waits), "said": len(messages)}
        return replace(make_reply(said, False, session), usage=_usage(new))

    def _client(self) -> "LangGraphClient":
        """The library's client. Secrets are looked up when it is made: for each call anew."""
        from langgraph_sdk.client import LangGraphClient

        headers = {name: resolve_secrets(value) for name, value in self._config.headers.items()}
        try:
            client = httpx.AsyncClient(
                base_url=resolve_secrets(self._config.url),
                headers={**_HEADERS, **headers},
                transport=self._transport,
                timeout=httpx.Timeout(None),  # each call has a deadline of its own
                trust_env=False,
            )
        except (httpx.InvalidURL, ValueError):
            text = f"{self._address} cannot be called: its address or a header is not valid"
            raise BotError("unreachable", text, retryable=False, unheard=True) from None
        return LangGraphClient(client)

    async def _within(self, seconds: float, call: Awaitable[T]) -> T:
        return await within(
            seconds, BotError, self._address, _translate_errors(call, self._address)
        )


_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "duologue"}


async def _translate_errors(call: Awaitable[T], address: str) -> T:
    """What the library returns; what it cannot read is the bot's error."""
    try:
        return await call
    except orjson.JSONDecodeError:
        raise BotError("bad_json", f"{address} sent what is not JSON", transient=True) from None
    except httpx.HTTPError as error:
        text = f"{address} cannot be called: {type(error).__name__}"
        raise BotError("unreachable", text, unheard=True) from error


def _must_be_object(data: Any, address: str) -> Json:
    if not isinstance(data, dict):
        raise BotError("bad_reply", f"{address} answered with no JSON object")
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
        self._by_id.setdefault(id, {"type": "ai", "content": ""})["content"] += text
        if text and id == next(iter(self._by_id)):
            self._piece(text)

    @property
    def messages(self) -> list[Json]:
        return list(self._by_id.values())


def _messages(state: Json) -> list[Any]:
    values = state.get("values")
    messages = values.get("messages") if isinstance(values, dict) else None
    return messages if isinstance(messages, list) else []


def _answers_to(messages: Sequence[Any], key: str) -> list[Json]:
    """What the bot said after the line that has this key; nothing if the line is not there."""
    ids = [each.get("id") if _type(each) == "human" else None for each in messages]
    at = ids.index(key) if key in ids else len(ids)
    return [each for each in messages[at + 1 :] if _type(each) == "ai"]


def _is_after(state: Json, turn: int) -> bool:
    """Whether the graph rests there after the bot answered that turn of ours."""
    messages = _messages(state)
    lines = [each for each in messages if _type(each) == "human"]
    last = str(lines[-1].get("id")) if lines else ""
    answered = bool(messages) and _type(messages[-1]) == "ai"
    return answered and not state.get("next") and last.rpartition(":")[2] == str(turn)


def _find_new_messages(messages: Sequence[Any], before: int) -> list[Json]:
    """The bot's messages after the first `before`; of a list that was cut, the last ones."""
    if len(messages) < before:
        lines = (at for at, each in enumerate(messages) if _type(each) == "human")
        before = max(lines, default=0)
    return [each for each in messages[before:] if _type(each) == "ai"]


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


_MEDIA: dict[str, PartKind] = {"image_url": "image", "image": "image", "audio": "audio"}
_MEDIA |= {"video": "video", "file": "file"}


def _parts(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """The pictures and files among LangChain's content blocks."""
    content = message.get("content")
    blocks = _dicts(content) if isinstance(content, list) else []
    found = [(_MEDIA.get(str(block.get("type"))), _find_url(block)) for block in blocks]
    return tuple(read_parts([{"kind": kind, "url": url} for kind, url in found if kind and url]))


def _find_url(block: Mapping[str, Any]) -> Any:
    held = block.get("image_url", block.get("url"))
    return held.get("url") if isinstance(held, dict) else held


def _interrupt_text(value: Any) -> str:
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


def _make(config: LangGraphBot, _id: str, tools: Toolbox) -> LangGraphServerBot:
    return LangGraphServerBot(config, tools.http, tools.settings)


KINDS = (BotKind(LangGraphBot, _make),)

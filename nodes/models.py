"""Chat models: ChatOpenAI whose stream is read straight off the wire."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables.config import ensure_config
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr, SecretStr

from graph.errors import SpeakerError
from graph.state import Usage
from graph.text import clean
from nodes.http import MAX_REPLY_BYTES, Answer, Client, request

Prompt = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said, why it stopped, and what it counted."""

    text: str
    finish_reason: str
    refusal: str = ""
    usage: Usage | None = None


class Chat(ChatOpenAI):
    """ChatOpenAI with its public surface; only the transport of the stream is ours.

    Reading the events here costs a fraction of the client library's way, keeps a byte limit,
    and takes a stream for complete only when it gave a finish reason.
    """

    _http: Client = PrivateAttr()
    _fail: type[SpeakerError] = PrivateAttr()

    def reading(self, http: Client, fail: type[SpeakerError]) -> Self:
        """The same model, read over `http`; what goes wrong is raised as `fail`."""
        self._http, self._fail = http, fail
        return self

    async def complete(self, prompt: Prompt, piece: Callable[[str], None]) -> Completion:
        """The whole answer; each `piece` is told as it arrives. Raises the speaker's error."""
        texts: list[str] = []
        finish, refusal, usage = "", "", None
        async for chunk in self._chunks(prompt):
            choice = _first_choice(chunk)
            delta = choice.get("delta") or {}
            text = delta.get("content")
            if text:
                texts.append(text)
                piece(text)
            refusal += delta.get("refusal") or ""
            finish = choice.get("finish_reason") or finish
            usage = _usage(chunk) or usage
        if not finish:
            raise self._fail(
                "bad_reply",
                f"{self._where()} ended its stream without a finish reason",
                transient=True,
            )
        return Completion("".join(texts), finish, refusal, usage)

    async def _chunks(self, prompt: Prompt) -> AsyncIterator[dict[str, Any]]:
        if _watched():
            # Studio, tracing and LangGraph's own streams see the call as LangChain tells it.
            async for message in self.astream([dict(line) for line in prompt]):
                yield _as_chunk(message)
        else:
            payload = {**self._default_params, "messages": self._roles(prompt)}
            async for chunk in self._wire({**payload, **_STREAM}):
                yield chunk

    def _roles(self, prompt: Prompt) -> list[dict[str, str]]:
        # The o-series calls the system "developer", as ChatOpenAI's own payload does.
        if not re.match(r"o\d", self.model_name):
            return [dict(line) for line in prompt]
        names = {"system": "developer"}
        return [{**line, "role": names.get(line["role"], line["role"])} for line in prompt]

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        payload = self._get_request_payload(messages, stop=stop, **{**kwargs, **_STREAM})
        async for chunk in self._wire(payload):
            choices = [{**c, "delta": c.get("delta") or {}} for c in chunk.get("choices") or []]
            generation = self._convert_chunk_to_generation_chunk(
                {**chunk, "choices": choices}, AIMessageChunk, None
            )
            if generation is None:
                continue
            if run_manager:
                await run_manager.on_llm_new_token(generation.text, chunk=generation)
            yield generation

    async def _wire(self, payload: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks of one streamed completion, as the server sent them."""
        shown = self._where()
        key = self.openai_api_key
        token = key.get_secret_value() if isinstance(key, SecretStr) else ""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        headers.update(self.default_headers or {})
        async with request(
            self._http,
            self._fail,
            "POST",
            f"{self._base()}/chat/completions",
            shown=shown,
            headers=headers,
            content=orjson.dumps(payload),
        ) as answer:
            _must_stream(answer, self._fail, shown)
            join = _Surrogates()
            async for data in _events(answer, self._fail, shown):
                chunk = _parsed(data, self._fail, shown)
                join.mend(chunk)
                yield chunk

    def _base(self) -> str:
        return (self.openai_api_base or "https://api.openai.com/v1").rstrip("/")

    def _where(self) -> str:
        return f"the model {self.model_name} ({self._base().split('?')[0]})"


_STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def chat_model(
    http: Client,
    fail: type[SpeakerError],
    *,
    model: str,
    base_url: str | None,
    api_key: str | None,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Chat:
    """A model at an OpenAI-compatible endpoint. Local servers need no key."""
    chat = Chat(
        model_name=model,
        openai_api_base=base_url,
        openai_api_key=SecretStr(api_key or "none"),
        temperature=temperature,
        max_tokens=max_tokens,
        max_retries=0,
        stream_usage=True,
    )
    return chat.reading(http, fail)


def _watched() -> bool:
    callbacks = ensure_config().get("callbacks")
    handlers = callbacks if isinstance(callbacks, list) else getattr(callbacks, "handlers", [])
    return any(getattr(handler, "watches", True) for handler in handlers or [])


def _as_chunk(message: Any) -> dict[str, Any]:
    """A LangChain chunk in the shape of the wire, so that one reader serves both."""
    chunk: dict[str, Any] = {
        "choices": [
            {
                "delta": {
                    "content": message.text,
                    "refusal": message.additional_kwargs.get("refusal"),
                },
                "finish_reason": message.response_metadata.get("finish_reason"),
            }
        ]
    }
    if message.usage_metadata:
        counted = message.usage_metadata
        chunk["usage"] = {
            "prompt_tokens": counted["input_tokens"],
            "completion_tokens": counted["output_tokens"],
        }
    return chunk


def _must_stream(answer: Answer, fail: type[SpeakerError], shown: str) -> None:
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise fail("bad_content_type", f"{shown} sent {kind[:80] or 'no type'}, not a stream")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise fail("encoding", f"{shown} sent a compressed stream unasked")


async def _events(answer: Answer, fail: type[SpeakerError], shown: str) -> AsyncIterator[bytes]:
    """The data of each event; one `data:` line an event is how this protocol is spoken."""
    rest, size = b"", 0
    async for block in answer.content.iter_any():
        size += len(block)
        if size > MAX_REPLY_BYTES * 4:
            raise fail("too_large", f"{shown} sent more than {MAX_REPLY_BYTES * 4 // 10**6} MB")
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                if data:
                    yield data


def _parsed(data: bytes, fail: type[SpeakerError], shown: str) -> dict[str, Any]:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        chunk = _lenient(data)
    if not isinstance(chunk, dict):
        raise fail("bad_json", f"{shown} sent an event that is not a JSON object", transient=True)
    if chunk.get("error"):
        raise fail("bad_reply", f"{shown} broke off its answer with an error", transient=True)
    return chunk


def _lenient(data: bytes) -> Any:
    try:
        return json.loads(data)  # takes lone surrogates, which orjson refuses
    except (ValueError, RecursionError):
        return None


class _Surrogates:
    """Joins an emoji that a server cut into two escapes; what stays alone is cleaned."""

    def __init__(self) -> None:
        self._held = ""

    def mend(self, chunk: dict[str, Any]) -> None:
        delta = _first_choice(chunk).get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        if not isinstance(text, str) or not isinstance(delta, dict):
            return
        text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        if any("\ud800" <= char <= "\udfff" for char in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        delta["content"] = clean(text)


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, dict) else {}


def _usage(chunk: dict[str, Any]) -> Usage | None:
    counted = chunk.get("usage")
    if not isinstance(counted, dict):
        return None
    return {
        "input_tokens": int(counted.get("prompt_tokens") or 0),
        "output_tokens": int(counted.get("completion_tokens") or 0),
    }

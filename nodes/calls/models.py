"""ChatModel models: ChatOpenAI whose stream is read straight off the wire."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables.config import ensure_config
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr, SecretStr

from core import tracing
from core.errors import SpeakerError
from core.message import Usage
from nodes.calls.http import HttpClient, redacted_url
from nodes.calls.wire import Chunk, Wire, first_choice

DEFAULT_URL = "https://api.openai.com/v1"
Prompt = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said, why it stopped, and what it counted."""

    text: str
    finish_reason: str
    refusal: str = ""
    usage: Usage | None = None


class _Hearing:
    """An answer as far as it has come."""

    __slots__ = ("_refusal", "_texts", "finish", "usage")

    def __init__(self) -> None:
        self.finish = ""
        self.usage: Usage | None = None
        self._texts: list[str] = []
        self._refusal = ""

    def take(self, chunks: Sequence[Chunk]) -> str:
        """The text that these add."""
        known = len(self._texts)
        for chunk in chunks:
            choice = first_choice(chunk)
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._texts.append(_text(delta.get("content")))
                self._refusal += _text(delta.get("refusal"))
            self.finish = choice.get("finish_reason") or self.finish
            self.usage = _usage(chunk) or self.usage
        return "".join(self._texts[known:])

    @property
    def completion(self) -> Completion:
        return Completion("".join(self._texts), self.finish, self._refusal, self.usage)


class ChatModel(ChatOpenAI):
    """ChatOpenAI with its public surface; only the transport of the stream is ours.

    Reading the events here costs a fraction of the client library's way, keeps a byte limit,
    and takes a stream for complete only when it gave a finish reason.
    """

    _wire: Wire = PrivateAttr()
    _asks: dict[str, Any] = PrivateAttr()

    def reading(self, http: HttpClient, fail: type[SpeakerError], address: str) -> Self:
        """The same model, read over `http`; what goes wrong is raised as `fail`.

        `address` is the URL as a person may see it.
        """
        key = self.openai_api_key
        token = key.get_secret_value() if isinstance(key, SecretStr) else ""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        base = (self.openai_api_base or DEFAULT_URL).rstrip("/")
        self._wire = Wire(
            http,
            fail,
            base=base,
            address=f"the model {self.model_name} ({address})",
            headers={**headers, **(self.default_headers or {})},
        )
        self._asks = {**self._default_params, **_STREAM}
        return self

    def complete(self, prompt: Prompt, piece: Callable[[str], None]) -> Awaitable[Completion]:
        """The whole answer; each `piece` is passed on as it arrives. Raises the speaker's error."""
        return self._heard(self._asked(prompt), piece)

    async def _heard(
        self, blocks: AsyncIterator[list[Chunk]], piece: Callable[[str], None]
    ) -> Completion:
        hearing = _Hearing()
        with tracing.model_call(self.model_name) as span:
            async for chunks in blocks:
                text = hearing.take(chunks)
                del chunks  # the next ones may be long in coming
                if text:
                    piece(text)
            span.answer(hearing.finish, hearing.usage)
        if not hearing.finish:
            wire = self._wire
            said = f"{wire.address} ended its stream without a finish reason"
            raise wire.fail("bad_reply", said, transient=True)
        return hearing.completion

    def _asked(self, prompt: Prompt) -> AsyncIterator[list[Chunk]]:
        if _watched():
            return self._told(prompt)
        return self._wire.blocks({**self._asks, "messages": self._roles(prompt)})

    async def _told(self, prompt: Prompt) -> AsyncIterator[list[Chunk]]:
        """The call as LangChain tells it to Studio, to tracing and to LangGraph's own streams."""
        async for message in self.astream([dict(line) for line in prompt]):
            yield [_as_chunk(message)]

    def _roles(self, prompt: Prompt) -> Sequence[Mapping[str, str]]:
        # The o-series calls the system "developer", as ChatOpenAI's own payload does.
        if not re.match(r"o\d", self.model_name):
            return prompt
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
        async for chunks in self._wire.blocks(payload):
            for chunk in chunks:
                generation = self._generation(chunk)
                if generation is None:
                    continue
                if run_manager:
                    await run_manager.on_llm_new_token(generation.text, chunk=generation)
                yield generation

    def _generation(self, chunk: Chunk) -> ChatGenerationChunk | None:
        choice = first_choice(chunk)
        delta = choice.get("delta") or {}
        choices = [{**choice, "delta": delta}] if choice else []
        whole = {**chunk, "choices": choices}
        generation = self._convert_chunk_to_generation_chunk(whole, AIMessageChunk, None)
        if generation and delta.get("refusal"):  # LangChain leaves it out
            generation.message.additional_kwargs["refusal"] = delta["refusal"]
        return generation


_STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def chat_model(
    http: HttpClient,
    fail: type[SpeakerError],
    *,
    model: str,
    base_url: str | None,
    api_key: str | None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    address: str | None = None,
) -> ChatModel:
    """A model at an OpenAI-compatible endpoint. Local servers need no key.

    `address` is the URL as configured, for errors: the real one may hold secrets.
    """
    chat = ChatModel(
        model_name=model,
        openai_api_base=base_url,
        openai_api_key=SecretStr(api_key or "none"),
        temperature=temperature,
        max_tokens=max_tokens,
        max_retries=0,
        stream_usage=True,
    )
    return chat.reading(http, fail, redacted_url(address or base_url or DEFAULT_URL))


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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(chunk: dict[str, Any]) -> Usage | None:
    counted = chunk.get("usage")
    if not isinstance(counted, dict):
        return None
    return {
        "input_tokens": _count(counted.get("prompt_tokens")),
        "output_tokens": _count(counted.get("completion_tokens")),
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0

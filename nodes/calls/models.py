"""ChatModel models: ChatOpenAI whose stream is read straight off the wire."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr, SecretStr

from core import tracing
from core.errors import SpeakerError
from core.message import Usage
from nodes.calls.http import HttpClient, redacted_url
from nodes.calls.responses import to_responses_payload
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


class ChatModel(ChatOpenAI):
    """ChatOpenAI over our own transport, for which LangChain's `_astream` is the place.

    All calls go through the public `astream`: traces, callbacks, Studio and the engine see the
    same. What comes in one network read is one chunk; a byte limit holds, and a stream is whole
    only when it gave a finish reason.
    """

    _wire: Wire = PrivateAttr()

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
            responses=bool(self.use_responses_api),
        )
        return self

    async def complete(self, prompt: Prompt, piece: Callable[[str], None]) -> Completion:
        """The whole answer; each `piece` is passed on as it comes. Raises the speaker's error."""
        texts: list[str] = []
        finish, refusal, usage = "", "", None
        messages = [_MESSAGES[line["role"]](content=line["content"]) for line in prompt]
        del prompt
        with tracing.model_call(self.model_name) as span:
            async for chunk in self.astream(messages):
                if text := str(chunk.content):
                    texts.append(text)
                    piece(text)
                refusal += chunk.additional_kwargs.get("refusal", "")
                finish = chunk.response_metadata.get("finish_reason") or finish
                usage = _usage(chunk) or usage
            span.answer(finish, usage)
        return Completion("".join(texts), finish, refusal, usage)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        finished = False
        blocks = self._wire.blocks(self._payload(messages, stop, kwargs))
        async for chunks in blocks:
            generation = _join_chunks(chunks)
            finished = finished or "finish_reason" in generation.message.response_metadata
            del chunks  # the next ones may be long in coming
            yield generation
        if not finished:
            wire = self._wire
            said = f"{wire.address} ended its stream without a finish reason"
            raise wire.fail("bad_reply", said, transient=True)

    def _payload(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, more: Mapping[str, Any]
    ) -> dict[str, Any]:
        # The o-series calls the system "developer".
        system = "developer" if re.match(r"o\d", self.model_name) else "system"
        given = {
            "temperature": self.temperature,
            "max_completion_tokens": self.max_tokens,
            "stop": stop,
            "seed": self.seed,
        }
        payload = {
            "model": self.model_name,
            **{name: value for name, value in given.items() if value is not None},
            **more,
            **_STREAM,
            "messages": [_to_wire(message, system) for message in messages],
        }
        return to_responses_payload(payload) if self.use_responses_api else payload


def _to_wire(message: BaseMessage, system: str) -> dict[str, Any]:
    role = {"human": "user", "ai": "assistant", "system": system}.get(message.type)
    if role and isinstance(message.content, str):
        return {"role": role, "content": message.content}
    (converted,) = convert_to_openai_messages([message])
    return dict(converted)


def _join_chunks(chunks: Sequence[Chunk]) -> ChatGenerationChunk:
    """What came in one read, as LangChain tells it."""
    texts, refusals, finish, usage = [], [], "", None
    for chunk in chunks:
        choice = first_choice(chunk)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            texts.append(_text(delta.get("content")))
            refusals.append(_text(delta.get("refusal")))
        finish = choice.get("finish_reason") or finish
        usage = _count_usage(chunk) or usage
    refusal = "".join(refusals)
    message = AIMessageChunk(
        content="".join(texts),
        additional_kwargs={"refusal": refusal} if refusal else {},
        response_metadata={"finish_reason": finish} if finish else {},
        usage_metadata=usage,
    )
    return ChatGenerationChunk(message=message)


_MESSAGES: dict[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}
_STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class Sampling(NamedTuple):
    """How a model is asked to draw its words; what is None is left to the server."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


DEFAULTS = Sampling()


def chat_model(
    http: HttpClient,
    fail: type[SpeakerError],
    *,
    model: str,
    base_url: str | None,
    api_key: str | None,
    sampling: Sampling = DEFAULTS,
    address: str | None = None,
    responses: bool = False,
) -> ChatModel:
    """A model at an OpenAI-compatible endpoint. Local servers need no key.

    With `responses` it is asked by the Responses API, in place of chat completions.
    `address` is the URL as configured, for errors: the real one may hold secrets.
    """
    chat = ChatModel(
        model_name=model,
        openai_api_base=base_url,
        openai_api_key=SecretStr(api_key or "none"),
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
        max_retries=0,
        stream_usage=True,
        use_responses_api=responses,
    )
    return chat.reading(http, fail, redacted_url(address or base_url or DEFAULT_URL))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(chunk: AIMessageChunk) -> Usage | None:
    counted = chunk.usage_metadata
    if counted is None:
        return None
    return {"input_tokens": counted["input_tokens"], "output_tokens": counted["output_tokens"]}


def _count_usage(chunk: Chunk) -> UsageMetadata | None:
    counted = chunk.get("usage")
    if not isinstance(counted, dict):
        return None
    read, written = _count(counted.get("prompt_tokens")), _count(counted.get("completion_tokens"))
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0

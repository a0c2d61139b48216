"""A judge's model at an OpenAI-compatible endpoint: one structured answer, or the cause."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from core.errors import SpeakerError
from core.failures import or_else
from core.files import resolve_secrets
from core.settings import Settings
from evaluation.suites import JudgeConfig
from nodes.calls.http import redacted_url
from nodes.calls.retry import RetryLimits

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

Prompt = Sequence[Mapping[str, str]]
Mode = Literal["json_schema", "json_mode"]
RETRIES = RetryLimits(attempts=3)
_TRANSIENT = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
_NO_SCHEMA = frozenset((400, 404, 415, 422, 501))
_JSON_ONLY = "Answer with one JSON object and nothing else, of this JSON Schema:\n{schema}"


class JudgeError(SpeakerError):
    """The judge's model failed."""

    where = "judge"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge's model said, and the tokens that it counted."""

    text: str
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one call. `temperature` None leaves it to the model."""

    temperature: float | None = None
    max_output_tokens: int = 4000
    timeout_s: float = 60.0


class Endpoint:
    """Where models judge. `base_url` None is OpenAI; a local server needs no key.

    Asks for output by JSON Schema, and where a server knows no such thing, for JSON with the schema
    in words; which of the two is remembered for each model.
    """

    def __init__(self, base_url: str | None, api_key: str | None, limits: Limits) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._limits = limits
        self._modes: dict[str, Mode] = {}
        self._models: dict[str, ChatOpenAI] = {}
        self._http: Any = None

    @classmethod
    def from_config(cls, config: JudgeConfig, settings: Settings) -> "Endpoint":
        """As the suite says, else as this process is set up, whose key goes nowhere else.

        Raises `JudgeError` where no model is configured.
        """
        base_url, api_key = config.base_url, config.api_key
        if base_url is None:
            key = settings.openai_api_key
            base_url = settings.openai_base_url
            api_key = api_key or (key.get_secret_value() if key else None)
        if not base_url and not api_key:
            raise JudgeError("unreachable", NO_MODEL, retryable=False)
        limits = Limits(config.temperature, config.max_output_tokens, config.timeout_s)
        return cls(
            resolve_secrets(base_url) if base_url else None,
            resolve_secrets(api_key) if api_key else None,
            limits,
        )

    async def ask(self, model: str, prompt: Prompt, schema: Mapping[str, Any]) -> Answer:
        """One answer; what is transient is tried again. Raises `JudgeError` with the cause."""
        failed = 0
        while True:
            try:
                return await self._ask_once(model, prompt, schema)
            except JudgeError as error:
                failed += 1
                if not error.transient or failed >= RETRIES.attempts:
                    raise
                wait = max(error.retry_after or 0.0, RETRIES.wait(failed))
                if wait > self._limits.timeout_s:
                    raise
            await asyncio.sleep(wait)

    async def _ask_once(self, model: str, prompt: Prompt, schema: Mapping[str, Any]) -> Answer:
        if self._modes.get(model) != "json_mode":
            try:
                answer = await self._call(model, "json_schema", prompt, schema)
            except JudgeError as error:
                if error.facts.get("status") not in _NO_SCHEMA or model in self._modes:
                    raise
            else:
                self._modes[model] = "json_schema"
                return answer
        told = {"role": "system", "content": _JSON_ONLY.format(schema=_to_text(schema))}
        answer = await self._call(model, "json_mode", [*prompt, told], schema)
        self._modes[model] = "json_mode"
        return answer

    async def _call(
        self, model: str, mode: Mode, prompt: Prompt, schema: Mapping[str, Any]
    ) -> Answer:
        strict = True if mode == "json_schema" else None
        chat = self._model(model).with_structured_output(
            dict(schema), method=mode, include_raw=True, strict=strict
        )
        asked = _ask(chat, prompt)
        fail = partial(self._fail, model)  # whatever a server makes the client raise: no verdict
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await or_else(asked, fail, passes=(JudgeError, TimeoutError))
        except TimeoutError:
            said = f"{self._name(model)} did not answer within {self._limits.timeout_s:g} s"
            raise JudgeError("timeout", said, transient=True) from None

    def _fail(self, model: str, error: Exception) -> Answer:
        raise self._explain(model, error) from None

    async def aclose(self) -> None:
        """Gives the connections back."""
        if self._http is not None:
            await self._http.aclose()
        self._http, self._models = None, {}

    def _model(self, model: str) -> "ChatOpenAI":
        from langchain_openai import ChatOpenAI
        from openai import DefaultAsyncHttpxClient

        if self._http is None:
            # Else LangChain takes one that the whole process shares and nobody closes.
            self._http = DefaultAsyncHttpxClient(follow_redirects=False)
        if model not in self._models:
            self._models[model] = ChatOpenAI(
                model_name=model,
                openai_api_base=self._base_url,
                openai_api_key=SecretStr(self._api_key or "none"),
                temperature=self._limits.temperature,
                max_tokens=self._limits.max_output_tokens,
                max_retries=0,
                http_async_client=self._http,
                request_timeout=self._limits.timeout_s,
            )
        return self._models[model]

    def _explain(self, model: str, error: Exception) -> JudgeError:
        """The cause as one of ours, told without keys and without what the server sent."""
        import openai

        who = self._name(model)
        if isinstance(error, openai.APITimeoutError):
            return JudgeError("timeout", f"{who} did not answer in time", transient=True)
        if isinstance(error, openai.APIConnectionError):
            return JudgeError("unreachable", f"{who} cannot be reached", transient=True)
        if isinstance(error, openai.APIStatusError):
            return _status_error(who, error.status_code, error.response.headers)
        if isinstance(error, openai.LengthFinishReasonError):
            return JudgeError("truncated", f"{who} was cut off in its answer")
        if type(error).__name__ in ("OpenAIRefusalError", "ContentFilterFinishReasonError"):
            return JudgeError("refused", f"{who} refused to judge")
        return JudgeError("bad_reply", f"{who} sent no usable answer ({type(error).__name__})")

    def _name(self, model: str) -> str:
        place = redacted_url(self._base_url) if self._base_url else "OpenAI"
        return f"the judge {model} ({place})"


NO_MODEL = (
    "no model is configured for the judge: set OPENAI_API_KEY, or OPENAI_BASE_URL, or base_url "
    "under judge in the suite"
)


def _status_error(who: str, status: int, headers: Mapping[str, str]) -> JudgeError:
    transient = status in _TRANSIENT
    asked = headers.get("retry-after", "")
    return JudgeError(
        "http_error",
        f"{who} answered {status}",
        transient=transient,
        retryable=transient,
        retry_after=float(asked) if asked.isdigit() else None,
        status=status,
    )


async def _ask(chat: Any, prompt: Prompt) -> Answer:
    found = await chat.ainvoke([dict(line) for line in prompt])
    return _read(found["raw"])


def _read(raw: Any) -> Answer:
    finish = str(raw.response_metadata.get("finish_reason") or "")
    if raw.additional_kwargs.get("refusal") or finish == "content_filter":
        raise JudgeError("refused", "the judge refused to judge")
    if finish != "stop":
        what = "was cut off in its answer" if finish == "length" else "did not finish its answer"
        raise JudgeError("truncated", f"the judge {what}")
    usage = raw.usage_metadata or {}
    return Answer(
        text=raw.text if isinstance(raw.text, str) else raw.text(),
        input_tokens=usage.get("input_tokens", 0),
        cached_tokens=(usage.get("input_token_details") or {}).get("cache_read", 0) or 0,
        output_tokens=usage.get("output_tokens", 0),
    )


def _to_text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)

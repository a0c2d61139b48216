"""OpenTelemetry: a trace of each run, where the usual OTEL_* variables ask for one.

    conversation ─┬─ open
                  └─ turn n ─┬─ user ────── chat MODEL ── POST
                             └─ invoke_agent BOT ──────── POST (its traceparent goes to the bot)

Without those variables nothing is imported, and a call costs a look at a cached None.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from core.errors import DuologueError
from core.message import Usage
from core.scenario import Scenario
from core.state import State

log = logging.getLogger("duologue.tracing")
Attributes = dict[str, Any]


def should_trace(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces, by OpenTelemetry's own variables."""
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").lower()
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporter == "otlp" or any(environ.get(name) for name in endpoints)


@cache
def _tracer() -> Any:
    """The tracer, made at the first span; None where no traces are wanted."""
    if not should_trace(os.environ):
        return None
    try:
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(_provider())
    except ImportError as missing:
        log.warning("traces are asked for, but %s is missing: install duologue[otel]", missing.name)
        return None
    return trace.get_tracer("duologue")


def _provider() -> Any:
    """Sends spans in batches from a thread of its own, the last when the process ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = "OTEL_SERVICE_NAME" in os.environ
    named = named or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({} if named else {"service.name": "duologue"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@contextmanager
def _span(name: str, attributes: Attributes, client: bool = False) -> Iterator[Any]:
    """A span around the block. What LangGraph raises to pause a run is no error."""
    from opentelemetry.trace import SpanKind

    with (
        _tracer().start_as_current_span(
            name,
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        ExitStack() as leaving,
    ):
        leaving.push(lambda _kind, error, _trace: _note_error(span, error))
        yield span


def _note_error(span: Any, error: BaseException | None) -> None:
    from opentelemetry.trace import Status, StatusCode

    if isinstance(error, Exception) and not isinstance(error, GraphBubbleUp):
        span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
        # The text of an error that is not ours may hold a secret.
        text = error.message if isinstance(error, DuologueError) else type(error).__name__
        span.set_status(Status(StatusCode.ERROR, text))


# --- run and turn ---------------------------------------------------------------------------------


class _Run:
    """The run that is under way in this task, and the turn that it is at."""

    def __init__(self, conversation_id: str) -> None:
        self.facts: Attributes = {"gen_ai.conversation.id": conversation_id}
        self._turn: int | None = None
        self._span: Any = None

    def turn(self, number: int) -> Any:
        """The span of that turn; it outlives the nodes of which the turn is made."""
        if number != self._turn:
            self.end_turn()
            facts = {**self.facts, "duologue.turn": number}
            self._turn, self._span = (
                number,
                _tracer().start_span(f"turn {number}", attributes=facts),
            )
        return self._span

    def end_turn(self) -> None:
        if self._span is not None:
            self._span.end()
        self._turn, self._span = None, None


_RUN: ContextVar[_Run | None] = ContextVar("duologue_run", default=None)


def run(conversation_id: str) -> AbstractContextManager[None]:
    """Around one drive of the graph."""
    return nullcontext() if _tracer() is None else _run(conversation_id)


@contextmanager
def _run(conversation_id: str) -> Iterator[None]:
    here = _Run(conversation_id)
    facts = {**here.facts, "gen_ai.operation.name": "invoke_workflow"}
    facts["gen_ai.workflow.name"] = "conversation"
    with _span("conversation", facts):
        token = _RUN.set(here)
        try:
            yield
        finally:
            here.end_turn()
            _RUN.reset(token)


def step(name: str, node: Callable[..., Any]) -> Callable[..., Any]:
    """The node with a span of its own, in the span of its turn."""
    if _tracer() is None:
        return node

    async def run_traced(state: State, runtime: Runtime[Any]) -> Any:
        here, turn = _RUN.get(), _turn_of(name, state)
        span = _describe_step(name, state, runtime.context.speakers, here)
        with _enter_turn(here, turn), _span(*span):
            update = await node(state, runtime)
        if here and name == "bot":
            here.end_turn()
        return update

    return run_traced


def _turn_of(name: str, state: State) -> int:
    """The turn a node works at; 0 where it belongs to none."""
    said = state.get("messages") or []
    answers = name == "bot" and bool(said) and said[-1]["role"] == "user"
    return state.get("turn", 0) + 1 if name == "user" or answers else 0


def _enter_turn(here: _Run | None, turn: int) -> AbstractContextManager[Any]:
    if here is None or not turn:
        return nullcontext()
    from opentelemetry.trace import use_span

    return use_span(
        here.turn(turn), end_on_exit=False, record_exception=False, set_status_on_exception=False
    )


def _describe_step(
    name: str, state: State, speakers: Any, here: _Run | None
) -> tuple[str, Attributes]:
    facts = dict(here.facts) if here else {}
    if name != "bot":
        return name, facts
    scenario = Scenario.read(state.get("scenario") or {})
    bot = speakers.bot(scenario).name
    facts |= {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": bot}
    return f"invoke_agent {bot}", {**facts, "gen_ai.agent.id": str(scenario.bot_id)}


# --- calls ----------------------------------------------------------------------------------------

Note = Callable[[int], None]


def http_call(
    method: str, url: str, headers: Mapping[str, str], *, to_bot: bool
) -> AbstractContextManager[tuple[Mapping[str, str], Note]]:
    """Around one HTTP call: the headers to send, and where its status is noted."""
    if _tracer() is None:
        return nullcontext((headers, _ignore_status))
    return _http_call(method, url, headers, to_bot)


def _ignore_status(status: int) -> None:
    """Nobody asked for traces."""


@contextmanager
def _http_call(
    method: str, url: str, headers: Mapping[str, str], to_bot: bool
) -> Iterator[tuple[Mapping[str, str], Note]]:
    from opentelemetry.propagate import inject

    place = urlsplit(url)
    facts: Attributes = {"http.request.method": method, "server.address": place.hostname or ""}
    facts |= {"server.port": place.port or (443 if place.scheme == "https" else 80)}
    with _span(method, facts, client=True) as span:
        sent = dict(headers)
        if to_bot:
            inject(sent)
        yield sent, lambda status: span.set_attribute("http.response.status_code", status)


class ModelSpan:
    """What is known of a model's answer once it is there."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def answer(self, finish_reason: str, usage: Usage | None) -> None:
        if self._span is not None:
            self._span.set_attribute("gen_ai.response.finish_reasons", [finish_reason])
            for name, count in (usage or {}).items():
                self._span.set_attribute(f"gen_ai.usage.{name}", count)


_NO_SPAN = ModelSpan()


def model_call(model: str) -> AbstractContextManager[ModelSpan]:
    """Around one completion."""
    return nullcontext(_NO_SPAN) if _tracer() is None else _model_call(model)


@contextmanager
def _model_call(model: str) -> Iterator[ModelSpan]:
    facts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
    }
    with _span(f"chat {model}", facts, client=True) as span:
        yield ModelSpan(span)

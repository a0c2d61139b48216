"""Traces are asked for by OpenTelemetry's own variables; without them nothing happens."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.runtime import Runtime

from core import tracing
from core.errors import BotError
from tests.servers.process import ROOT, clean_environment

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ENDPOINT:
        monkeypatch.delenv(name, raising=False)
    cached = tracing._tracer
    cached.cache_clear()
    yield
    cached.cache_clear()


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, False),
        ({"OTEL_SDK_DISABLED": "true", **ENDPOINT}, False),
        ({"OTEL_SERVICE_NAME": "duologue"}, False),
    ],
)
def test_traces_are_wanted_when_they_are_asked_for(environ: dict[str, str], asked: bool) -> None:
    assert tracing.should_trace(environ) is asked


def test_node_is_left_as_it_is_when_off() -> None:
    async def node(**given: Any) -> None:
        """A node."""

    assert tracing.step("bot", node) is node


def test_call_is_left_as_it_is_when_off() -> None:
    headers = {"Accept": "application/json"}
    with tracing.http_call("POST", "http://bot/", headers, to_bot=True) as (sent, note):
        note(200)
    assert sent is headers
    with tracing.run("id"), tracing.model_call("gpt") as told:
        told.answer("stop", {"input_tokens": 1})


def test_nothing_is_imported_when_off() -> None:
    code = """
import sys
from core import tracing
before = set(sys.modules)
with tracing.run("id"), tracing.model_call("gpt"):
    tracing.step("bot", print)
with tracing.http_call("POST", "http://bot/", {}, to_bot=True):
    sys.exit(sorted(set(sys.modules) - before))
"""
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, check=False, cwd=ROOT, env=clean_environment({}), text=True,
                          capture_output=True)  # fmt: skip
    assert done.stderr.strip() == "[]"


def test_missing_library_is_told_once_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(*next(iter(ENDPOINT.items())))
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for _ in range(2):
        with tracing.run("id"), tracing.model_call("gpt") as told:
            told.answer("stop", None)
    assert [record.getMessage() for record in caplog.records] == [
        "traces are asked for, but opentelemetry is missing: install duologue[otel]"
    ]


# --- with a tracer in memory ----------------------------------------------------------------------


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("duologue"))
    return kept.get_finished_spans


def test_turn_that_was_broken_off_ends_with_its_run(spans: Any) -> None:
    def broken_off() -> None:
        with tracing.run("id"):
            here = tracing._RUN.get()
            assert here
            here.turn(1)
            raise BotError("timeout", "no answer")

    with pytest.raises(BotError):
        broken_off()
    assert [span.name for span in spans()] == ["turn 1", "conversation"]
    assert spans()[1].attributes["error.type"] == "bot_timeout"
    assert spans()[1].status.description == "no answer"


def test_text_of_a_strange_error_stays_here(spans: Any) -> None:
    with pytest.raises(OSError, match="key"), tracing.model_call("gpt"):
        raise OSError("the key is s3cret")
    assert spans()[0].status.description == "OSError"
    assert "s3cret" not in spans()[0].to_json()


def test_only_bots_are_told_the_trace(spans: Any) -> None:
    with tracing.http_call("POST", "https://bot:8443/x?key=s", {}, to_bot=True) as (sent, _):
        assert sent["traceparent"].startswith("00-")
    with tracing.http_call("POST", "https://model/v1", {}, to_bot=False) as (sent, _):
        assert sent == {}
    bot, model = spans()
    assert (bot.attributes["server.address"], bot.attributes["server.port"]) == ("bot", 8443)
    assert model.attributes["server.port"] == 443
    assert "key=s" not in bot.to_json()


async def test_traced_step_hands_its_node_the_runtime(spans: Any) -> None:
    async def node(state: Any, runtime: Any) -> Any:
        return {"runtime": runtime}

    runtime = Runtime(context=SimpleNamespace(speakers=None))
    traced = tracing.step("open", node)
    assert await traced({}, runtime) == {"runtime": runtime}
    assert [span.name for span in spans()] == ["open"]

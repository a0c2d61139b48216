"""There is one way to a model: the library's public `ChatOpenAI.astream`, whoever looks on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from openai.resources.chat.completions import AsyncCompletions

from core import tracing
from core.settings import Settings
from graph.studio.app import Stage, compile_graph
from graph.studio.setup import Setup
from nodes.calls.models import ChatModel
from tests.integration.engine.house import House, create, run_to_end
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

TURNS = 3
DOORS = {
    BaseChatModel: ["ainvoke", "astream", "agenerate", "invoke", "stream", "generate"],
    ChatOpenAI: ["_agenerate", "_generate", "_stream"],
    ChatModel: ["_astream"],
    AsyncCompletions: ["create"],
}
"""All ways into the library and through it, down to the client that it brings."""
ASKED = TURNS - 1  # the first line is the opening of the persona
ONE_PATH = {"astream": ASKED, "_astream": ASKED}


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each door was passed."""
    counts: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def door(*given: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, name, door)

    for owner, names in DOORS.items():
        for name in names:
            count(owner, name)
    return counts


class ModelHouse(House):
    model_url = ""

    def settings(self, **changes: Any) -> Settings:
        return super().settings(openai_base_url=self.model_url, model="mock-model", **changes)


@pytest.fixture
def home(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> ModelHouse:
    home = ModelHouse(tmp_path, robot.url)
    home.model_url = llm.base_url
    return home


def count_requests(llm: LlmServer) -> int:
    return len([call for call in llm.calls if call.op == "chat"])


SIMULATED = {"user": "simulated", "user_prompt": "Hỏi về quả táo.", "max_turns": TURNS}


async def test_the_engine_asks_by_the_one_path_once_a_turn(
    home: ModelHouse, llm: LlmServer, passed: Counter[str]
) -> None:
    async with home.open() as runs:
        await run_to_end(runs, await create(runs, **SIMULATED))
    assert (dict(passed), count_requests(llm)) == (ONE_PATH, ASKED)


async def test_who_watches_the_graph_adds_no_path(
    home: ModelHouse, llm: LlmServer, passed: Counter[str]
) -> None:
    async with home.open() as runs:
        id = await create(runs, **SIMULATED)
        await runs.start(id)
        events = [event["event"] async for event in runs.stream_graph_events(id)]
    assert "on_chat_model_stream" in events
    assert (dict(passed), count_requests(llm)) == (ONE_PATH, ASKED)


async def test_a_trace_adds_no_path(
    home: ModelHouse, llm: LlmServer, passed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider = InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("test"))
    async with home.open() as runs:
        await run_to_end(runs, await create(runs, **SIMULATED))
    assert len([span for span in spans.get_finished_spans() if "chat" in span.name]) == ASKED
    assert (dict(passed), count_requests(llm)) == (ONE_PATH, ASKED)


@pytest.fixture
async def stage(home: ModelHouse) -> AsyncIterator[Stage]:
    stage = await asyncio.to_thread(Stage, home.settings(), "http://127.0.0.1:9")
    yield stage
    await stage.close()


async def test_studio_asks_by_the_one_path(
    stage: Stage, llm: LlmServer, passed: Counter[str]
) -> None:
    graph = await compile_graph(stage)
    graph.checkpointer = InMemorySaver()
    setup = Setup(bot="16", seat="simulated", user_prompt="Hỏi về quả táo.", max_turns=TURNS)
    place: Any = {"configurable": {"thread_id": "a thread"}, "recursion_limit": 100}
    state = await graph.ainvoke({"messages": []}, place, context=setup)
    assert state["turn"] == TURNS
    assert (dict(passed), count_requests(llm)) == (ONE_PATH, ASKED)

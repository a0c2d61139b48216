"""The conversation graph as LangGraph's own server runs it, for LangGraph Studio and its clients.

`langgraph.json` names `conversation`. Nothing is read when this file is imported: the server asks
for the graph when it needs it, and what it needs then is opened once.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from dotenv import load_dotenv
from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph_sdk import get_client
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict  # pydantic makes no schema of typing's before 3.12

from core import tracing
from core.origins import LOOPBACK_ORIGINS
from core.settings import Settings
from demo.kinds import DEMO_ID, DemoBot
from demo.server import serve_demo
from graph.build import builder, find_lookup
from graph.storage.opening import sqlite_path
from graph.studio.setup import with_choices
from graph.studio.staging import StudioNodes
from nodes.speakers.registry import Speakers

Graph = CompiledStateGraph[Any, Any, Any, Any]
# Where Studio's page comes from, and pages on this machine, as agent-chat-ui is one.
ORIGINS = ("https://smith.langchain.com", "https://*.smith.langchain.com", *LOOPBACK_ORIGINS)
IN_PROCESS_HOST = "api"  # by this name the LangGraph server calls itself
GRAPH_ID = "conversation"


class Input(TypedDict, total=False):
    """What a run may be given: what was said before, or in chat mode your line."""

    messages: list[AnyMessage]


class Result(TypedDict, total=False):
    """What a run gives: the whole transcript, the turns done, and why it ended."""

    messages: list[AnyMessage]
    turn: int
    end_reason: str | None


def read_settings() -> Settings:
    """From the environment and, as for the product, the file `.env`. Raises `ConfigError`.

    Paths are absolute: on its loop the server does not even allow the working folder to be asked.
    """
    load_dotenv(".env", override=False)
    settings = Settings.from_env(os.environ, ui=False, resume_on_start=False)
    path = sqlite_path(settings.database_url).absolute()
    changes = {
        "database_url": f"sqlite:///{path}",
        "bots": settings.bots.absolute(),
        "allowed_hosts": [*settings.allowed_hosts, IN_PROCESS_HOST],
        "cors_origins": [*settings.cors_origins, *ORIGINS],
    }
    return settings.model_copy(update=changes)


async def settings() -> Settings:
    """`read_settings` in a thread: the server allows no file to be read on its loop."""
    return await asyncio.to_thread(read_settings)


class Stage:
    """What the graph needs to run: the demo bot, and the speakers for each model."""

    def __init__(self, settings: Settings, demo_url: str) -> None:
        self.settings = settings
        self._demo_url = demo_url
        self._speakers: dict[str, Speakers] = {}

    async def speakers_of(self, model: str) -> Speakers:
        """The speakers, where `model` plays those that are models."""
        wanted = model or self.settings.model
        if wanted not in self._speakers:
            self._speakers[wanted] = await asyncio.to_thread(self._make_speakers, wanted)
        return self._speakers[wanted]

    def _make_speakers(self, model: str) -> Speakers:
        speakers = Speakers(self.settings.model_copy(update={"model": model}), self._demo_url)
        speakers.bots.setdefault(str(DEMO_ID + 1), DemoBot(kind="demo", name=_SECOND))
        return speakers

    async def close(self) -> None:
        for speakers in self._speakers.values():
            await speakers.close()


_SECOND = "English lesson robot (demo), the next lesson"


async def compile_graph(stage: Stage) -> Graph:
    """The product's graph without a checkpointer: the server brings its own."""
    speakers = await stage.speakers_of("")
    built = builder(
        StudioNodes(stage.speakers_of).make(),
        looks_up=find_lookup(speakers),
        context_schema=with_choices(bot=speakers.bots, persona=speakers.personas),
        input_schema=Input,
        output_schema=Result,
    )
    graph = built.compile(name=GRAPH_ID)
    # Studio offers chat mode where the state's schema, too, says what these are.
    messages: Any = graph.channels["messages"]
    messages.typ = list[AnyMessage]
    return graph


class Studio:
    """The graph of this process, opened when it is first asked for."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self.stage: Stage | None = None
        self._graph: Graph | None = None

    async def graph(self) -> Graph:
        """Raises `ConfigError`."""
        async with self._opening:
            if self._graph is None:
                given = await settings()
                path = sqlite_path(given.database_url)
                demo = serve_demo(path.with_name(f"{path.name}.demo"), delay_s=given.demo_delay_s)
                self.stage = Stage(given, await self._stack.enter_async_context(demo))
                self._stack.push_async_callback(self.stage.close)
                self._graph = await compile_graph(self.stage)
            return self._graph

    async def close(self) -> None:
        self._graph = None
        await self._stack.aclose()


STUDIO = Studio()


@asynccontextmanager
async def conversation(config: RunnableConfig, runtime: ServerRuntime[Any]) -> AsyncIterator[Graph]:
    """What `langgraph.json` names; for a run, the block lasts as long as the run."""
    graph = await STUDIO.graph()
    thread = (config.get("configurable") or {}).get("thread_id")
    with tracing.run(str(thread)) if runtime.execution_runtime else nullcontext():
        yield graph


# --- ready-made assistants ------------------------------------------------------------------------


def assistants(bots: Mapping[str, str]) -> list[dict[str, Any]]:
    """An assistant for each bot (id → name), and one in which you are the user."""
    made = [
        _assistant(f"{name} ({id})", f"A simulated or scripted user talks to bot {id}.", bot=id)
        for id, name in bots.items()
    ]
    you = "Your line first; then the run waits for each next one. Try it in chat mode."
    return [*made, _assistant("You talk to the bot", you, seat="human")]


def _assistant(name: str, description: str, **context: Any) -> dict[str, Any]:
    return {
        "graph_id": GRAPH_ID,
        "assistant_id": str(uuid5(NAMESPACE_URL, f"duologue:assistant:{name}")),
        "name": name,
        "description": description,
        "context": context,
        "metadata": {"made_by": "duologue"},
        "if_exists": "do_nothing",
    }


@asynccontextmanager
async def open_studio() -> AsyncIterator[None]:
    """The life of the graph beside the server's own: its assistants made, in the end closed."""
    await STUDIO.graph()
    speakers = await STUDIO.stage.speakers_of("") if STUDIO.stage else None
    names = {id: bot.name or f"bot {id}" for id, bot in speakers.bots.items()} if speakers else {}
    try:
        async with get_client() as client:
            for assistant in assistants(names):
                await client.assistants.create(**assistant)
        yield
    finally:
        await STUDIO.close()

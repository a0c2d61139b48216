"""Each private name of a library that we touch: in one file, and still there.

A release that drops one of them fails here, by its name, and not somewhere in a stream.
"""

import argparse
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import gradio as gr
import pytest
from aiohttp.client_proto import ResponseHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import ensure_config
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import id as checkpoint_ids
from langgraph.graph import END, START, StateGraph
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from core.state import State
from tests.servers.process import ROOT

PACKAGES = "core nodes demo graph evaluation reports duologue api ui cli".split()


def opens_connections_there() -> bool:
    made = aiohttp.TCPConnector._create_connection
    return inspect.iscoroutinefunction(made) and issubclass(ResponseHandler, object)


def event_keeps_its_data() -> bool:
    return gr.EventData(None, {"row": 1})._data == {"row": 1}


def generator_keeps_its_last_time() -> bool:
    checkpoint_ids.uuid6()
    return isinstance(getattr(checkpoint_ids, "_last_v6_timestamp"), int)  # noqa: B009


def config_is_handed_down() -> bool:
    token = var_child_runnable_config.set({"tags": ["mine"]})
    try:
        return ensure_config()["tags"] == ["mine"]
    finally:
        var_child_runnable_config.reset(token)


def channel_has_a_type() -> bool:
    graph = StateGraph(State)
    graph.add_node("only", lambda _state: {})
    graph.add_edge(START, "only")
    graph.add_edge("only", END)
    return hasattr(graph.compile().channels["messages"], "typ")


def stream_may_be_overridden() -> bool:
    return {"messages", "stop", "run_manager"} <= {
        *inspect.signature(BaseChatModel._astream).parameters
    }


def protocol_shows_its_request() -> bool:
    source = inspect.getsource(AutoHTTPProtocol)
    return all(name in source for name in ("self.cycle", "self.transport", "data_received"))


def parser_keeps_its_actions() -> bool:
    parser = argparse.ArgumentParser()
    steps = parser.add_subparsers()
    return isinstance(steps, argparse._SubParsersAction) and steps in parser._actions


@dataclass(frozen=True)
class Private:
    """`name` stands in `file` alone; without it, `breaks`."""

    library: str
    name: str
    file: str
    breaks: str
    holds: Callable[[], bool]


USES = [
    Private(
        "argparse",
        "_SubParsersAction",
        "cli/arguments.py",
        "`--database` behind `bot list` and the like is refused",
        parser_keeps_its_actions,
    ),
    Private(
        "aiohttp",
        "_create_connection",
        "nodes/calls/http.py",
        "an open connection keeps the state of the run that opened it in memory",
        opens_connections_there,
    ),
    Private(
        "gradio",
        "event._data",
        "ui/script_events.py",
        "clicks that the page's own scripts report do nothing",
        event_keeps_its_data,
    ),
    Private(
        "langgraph-checkpoint",
        "_last_v6_timestamp",
        "graph/storage/checkpoint_ids.py",
        "a process whose clock is behind writes checkpoints that are never the latest",
        generator_keeps_its_last_time,
    ),
    Private(
        "langchain-core",
        "var_child_runnable_config",
        "graph/studio/staging.py",
        "Studio shows each line of a model twice",
        config_is_handed_down,
    ),
    Private(
        "langgraph",
        "messages.typ",
        "graph/studio/app.py",
        "Studio offers no chat mode",
        channel_has_a_type,
    ),
    Private(
        "langchain-core",
        "def _astream",
        "nodes/calls/models.py",
        "models are read by the library's own client, without our limits and errors",
        stream_may_be_overridden,
    ),
    Private(
        "uvicorn",
        "AutoHTTPProtocol",
        "api/connections.py",
        "a client that sends its request too slowly is not dropped",
        protocol_shows_its_request,
    ),
]


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.library} {use.name}")
def test_a_private_name_is_still_there(use: Private) -> None:
    assert use.holds(), f"{use.library} has no {use.name} any more: {use.breaks} ({use.file})"


def sources() -> list[Path]:
    return [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.library} {use.name}")
def test_a_private_name_stands_in_one_file(use: Private) -> None:
    found = {
        file.relative_to(ROOT).as_posix()
        for file in sources()
        if use.name in file.read_text("utf-8")
    }
    assert found == {use.file}


def test_no_other_private_name_is_touched_without_a_word() -> None:
    """Ruff refuses them (SLF001); where one is allowed, it is in the list above."""
    allowed = [
        file.relative_to(ROOT).as_posix()
        for file in sources()
        if "SLF001" in file.read_text("utf-8")
    ]
    assert {*allowed} <= {use.file for use in USES}

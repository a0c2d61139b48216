"""The Gradio example shows a reply as it grows."""

import asyncio
import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from tests.integration.examples.server import serving
from tests.servers.process import ROOT
from tests.servers.remote import llm_process


def load_example() -> Any:
    file = ROOT / "examples" / "gradio_chat.py"
    spec = importlib.util.spec_from_file_location("gradio_chat", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def talk(url: str, bot: str) -> tuple[list[str], str]:
    chat = load_example().Chat(url, bot)
    try:
        return list(chat.reply("xin chào")), chat.session_id
    finally:
        chat.client.close()


async def test_a_reply_grows_to_what_is_stored(tmp_path: Path) -> None:
    async with llm_process("--token-ms", "40") as llm:
        bots = {"llama": {"kind": "openai", "base_url": llm.base_url, "model": "mock-model"}}
        async with serving(tmp_path, bots) as server:
            shown, session = await asyncio.to_thread(talk, server.url, "llama")
            stored = (await server.show(session))["history"][-1]["content"]
    assert len(shown) > 5
    assert all(after.startswith(before) for before, after in pairwise(shown))
    assert shown[-1] == stored


async def test_the_demo_robots_reply_grows_too(tmp_path: Path) -> None:
    async with serving(tmp_path, {}) as server:
        shown, session = await asyncio.to_thread(talk, server.url, "16")
        stored = (await server.show(session))["history"][-1]["content"]
    assert len(shown) > 5
    assert shown[-1] == stored


async def test_a_demo_that_is_watched_speaks_word_by_word_to_a_client_that_names_no_pace(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path, {}, DUOLOGUE_DEMO_DELAY_S="0.01") as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        session = (await client.post("/session", json={})).json()["session_id"]
        said = {"session_id": session, "message": "xin chào"}
        events = (await client.post("/chat/stream", json=said)).text
    assert events.count("event: token\n") > 5

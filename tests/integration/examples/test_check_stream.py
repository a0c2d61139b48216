"""check_stream.py shows each piece with the time it came."""

import re
import sys
from pathlib import Path

from tests.integration.examples.server import Server, serving
from tests.servers.process import Process
from tests.servers.remote import llm_process

ASK = [sys.executable, "examples/check_stream.py", "xin chào"]


async def test_each_piece_has_its_time(tmp_path: Path) -> None:
    async with llm_process("--token-ms", "40") as llm:
        bots = {"llama": {"kind": "openai", "base_url": llm.base_url, "model": "mock-model"}}
        async with serving(tmp_path, bots) as server:
            await the_demo_bot_answers_in_one_piece(server)
            await a_model_is_seen_streaming(server)
            await an_unknown_bot_is_told(server)


async def the_demo_bot_answers_in_one_piece(server: Server) -> None:
    async with Process([*ASK, "--server", server.url]) as check:
        assert await check.wait(20) == 0, check.stdout
    assert "\n1 pieces" in check.stdout
    assert check.stdout.endswith("the whole reply\n")


async def a_model_is_seen_streaming(server: Server) -> None:
    async with Process([*ASK, "--server", server.url, "--bot", "llama"]) as check:
        assert await check.wait(20) == 0, check.stdout
    times = [int(ms) for ms in re.findall(r"(\d+) ms  token", check.stdout)]
    assert len(times) > 5
    assert times == sorted(times)
    assert times[-1] - times[0] > 100


async def an_unknown_bot_is_told(server: Server) -> None:
    async with Process([*ASK, "--server", server.url, "--bot", "99"]) as check:
        assert await check.wait(20) == 1
    assert "there is no bot with that id" in check.stdout

"""The judge at an OpenAI-compatible server that nobody here wrote: llmock, as a process."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from core.settings import Settings
from evaluation.criteria import Criterion
from evaluation.judge.judge import Judge
from evaluation.suites import JudgeConfig
from tests.integration.evaluation.conftest import PRICES
from tests.servers.host import free_port
from tests.servers.process import Process
from tests.unit.evaluation.talks import talk

KIND = Criterion(id="kind", ask="Is the bot kind?")
SAID = talk("U: a", "B: Giỏi lắm!")


class LlMock:
    """What its server is to answer, one reply a request."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def queue(self, *behaviours: dict[str, Any]) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/_llmock/scenario", json={"behaviors": behaviours}) as answer,
        ):
            assert answer.status == 201, await answer.text()

    async def judge(self, **config: Any) -> str:
        settings = Settings(model="gpt-4.1", openai_base_url=f"{self.url}/v1")
        async with Judge.from_config(JudgeConfig(**config), settings, PRICES) as judge:
            found = (await judge.judge_all([KIND], SAID))[0]
        return f"{found.status}: {found.reason}"


@pytest.fixture
async def llmock() -> AsyncIterator[LlMock]:
    port = free_port()
    argv = ["python", "-m", "llmock.cli", "serve", "--port", str(port)]
    async with Process(argv, ready=f"http://127.0.0.1:{port}/health", startup=40):
        yield LlMock(f"http://127.0.0.1:{port}")


def reply(status: str, *quotes: tuple[int, str]) -> dict[str, Any]:
    evidence = [{"message": index, "quote": quote} for index, quote in quotes]
    said = {"requirement": "r", "reasoning": "because", "evidence": evidence, "status": status}
    return {"type": "reply", "text": json.dumps(said)}


CANARY = (reply("fail"), reply("fail"))


async def test_it_judges(llmock: LlMock) -> None:
    await llmock.queue(*CANARY, reply("pass", (1, "Giỏi lắm!")))
    assert await llmock.judge() == "pass: because"


async def test_its_lies_and_failures_are_no_verdicts(llmock: LlMock) -> None:
    await llmock.queue(*CANARY, reply("pass", (1, "Rất tốt")), reply("pass", (1, "Rất hay")))
    assert "does not say “Rất hay”" in await llmock.judge()
    await llmock.queue(*CANARY, {"type": "reply", "text": "Sure: PASS"})
    assert (await llmock.judge()).startswith("error: ")
    await llmock.queue(*CANARY, {"type": "fail", "status": 401})
    assert "answered 401" in await llmock.judge()


async def test_what_it_makes_up_by_the_schema_passes_no_canary(llmock: LlMock) -> None:
    assert (await llmock.judge()).startswith("error: canary")

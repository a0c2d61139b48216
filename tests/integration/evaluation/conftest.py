"""A judge at the scriptable model server, and no long waits before another try."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from core.settings import Settings
from evaluation.judge.judge import Judge
from evaluation.prices import Price, Prices
from evaluation.suites import JudgeConfig
from nodes.calls.retry import RetryLimits
from tests.servers.llm import LlmServer

PRICE = {"model": "mock-judge", "input": 1.0, "output": 2.0, "date": "2026-01-01", "source": "us"}
PRICES = Prices([Price.model_validate(PRICE)])


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryLimits, "wait", lambda _self, failed: 0.01 * failed)


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def make_judge(llm: LlmServer, opened: AsyncExitStack) -> Callable[..., Judge]:
    """A judge at the server; `says` is how it answers, see `tests.servers.judging`."""

    def make(says: str = "honest", **config: Any) -> Judge:
        llm.judges["*"] = says
        settings = Settings(model="mock-judge", openai_base_url=llm.base_url)
        judge = Judge.from_config(JudgeConfig(**{"timeout_s": 5, **config}), settings, PRICES)
        opened.push_async_exit(judge)
        return judge

    return make

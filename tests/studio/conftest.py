"""One server without a model and one with; each test has threads of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.servers.llm import LlmServer
from tests.servers.sse import Manner
from tests.studio.dev import Dev, dev_server

BOTS = """
bots:
  16: {kind: demo, name: lesson robot}
  17: {kind: demo, name: another lesson}
  graph: {kind: langgraph, name: graph bot, url: $URL, assistant: %s}
"""
YOU_TALK = "5b8714af-b295-542c-b152-053d6a23f282"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dev(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Dev]:
    """Offline and without a key: demo bots, a little slow, and the scripted learner."""
    folder = tmp_path_factory.mktemp("studio")
    async with dev_server(folder, bots=BOTS % YOU_TALK, DUOLOGUE_DEMO_DELAY_S="0.02") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model() -> AsyncIterator[LlmServer]:
    async with LlmServer(manner=Manner(token_delay=0.02)) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dev_with_model(
    tmp_path_factory: pytest.TempPathFactory, model: LlmServer
) -> AsyncIterator[Dev]:
    folder = tmp_path_factory.mktemp("studio-with-model")
    async with dev_server(folder, OPENAI_BASE_URL=model.base_url) as server:
        yield server

"""Every test here runs on every database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph.storage.port import ConversationStorage
from tests.unit.graph.storage.contract.worlds import WORLDS, World


@pytest.fixture(params=sorted(WORLDS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path) as world:
        yield world


@pytest.fixture
async def storage(world: World) -> ConversationStorage:
    return await world.open()

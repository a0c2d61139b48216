"""Every test here runs on every database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph.storage.port import ConversationStorage
from tests.contract.worlds import WORLDS, World


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A kind of database, and where one may be made."""
    if request.param == "postgres":
        return "postgres", request.getfixturevalue("postgres_url")
    return request.param, f"sqlite:///{tmp_path / 'duologue.db'}"


@pytest.fixture
async def world(place: tuple[str, str]) -> AsyncIterator[World]:
    kind, url = place
    async with WORLDS[kind](url) as world:
        yield world


@pytest.fixture
async def storage(world: World) -> ConversationStorage:
    return await world.open()

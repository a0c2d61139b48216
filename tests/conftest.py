"""Fixtures for all tests: the servers to talk to, a database to write to, no way to the outside."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.servers.llm import LlmServer
from tests.servers.postgres import PostgresServer, run_postgres
from tests.servers.process import PRIVATE
from tests.servers.robot import RobotServer


@pytest.fixture(autouse=True)
def nobody_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take keys, addresses and settings of the developer's own from the environment."""
    for name in filter(PRIVATE.search, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture
async def robot() -> AsyncIterator[RobotServer]:
    async with RobotServer() as server:
        yield server


@pytest.fixture
async def llm() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        yield server


@pytest.fixture
def tmp_database(tmp_path: Path) -> Path:
    """Where a database may be made; nothing is there yet."""
    return tmp_path / "duologue.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of this process; each takes a schema of its own."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """Where a database may be made; nothing is there yet."""
    return postgres.new_schema()

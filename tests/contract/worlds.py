"""Databases that the contract is tried on, by name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

import pytest

from core.ends import Status
from graph.storage.conversation import Conversation
from graph.storage.memory import MemoryDatabase, MemoryStorage
from graph.storage.opening import Storage, open_storage
from graph.storage.port import ConversationStorage

ROW = Conversation(
    id="0",
    client_id=None,
    bot_id="16",
    persona=None,
    seat="scripted",
    status=Status.CREATED,
    end_reason=None,
    turn=0,
    max_turns=10,
    runs=0,
    owner=None,
    in_flight=None,
    error=None,
    scenario={"bot_id": 16, "user_prompt": "sẵn sàng 'x'; DROP TABLE conversations; --"},
    parent_id=None,
    forked_at=None,
    created_at="2026-11-20T15:00:00.000Z",
    updated_at="2026-11-20T15:00:00.000Z",
)


class World(Protocol):
    """One database, and processes that have it open."""

    async def open(self) -> ConversationStorage:
        """Another process."""
        ...

    def kill(self, process: ConversationStorage) -> None:
        """The process is dead from now on; what it had not stored is lost."""


class SqlWorld:
    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack

    async def open(self) -> ConversationStorage:
        return await self._stack.enter_async_context(open_storage(self._url))

    def kill(self, process: Any) -> None:
        process.owner.end()


class MemoryWorld:
    def __init__(self) -> None:
        self._database = MemoryDatabase()

    async def open(self) -> ConversationStorage:
        return MemoryStorage(self._database)

    def kill(self, process: Any) -> None:
        process.owner.end()


@asynccontextmanager
async def sql_world(url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield SqlWorld(url, stack)


@asynccontextmanager
async def memory_world(_url: str) -> AsyncIterator[World]:
    yield MemoryWorld()


WORLDS: dict[str, Callable[[str], AbstractAsyncContextManager[World]]] = {
    "sqlite": sql_world,
    "postgres": sql_world,
    "memory": memory_world,
}


def nobody(_owner: str) -> bool:
    return False


def anybody(_owner: str) -> bool:
    return True


async def no_checkpoint() -> None:
    """For a row whose state does not matter."""


async def add(storage: ConversationStorage, id: str = "0", **changes: Any) -> str:
    return await storage.create(replace(ROW, id=id, **changes), no_checkpoint)


SQL_ALONE = pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""For what the twin in memory has not: experiments, labels, ends to be delivered."""


def as_storage(opened: ConversationStorage) -> Storage:
    assert isinstance(opened, Storage)
    return opened

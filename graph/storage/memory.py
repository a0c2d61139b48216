"""Storage without a file: for tests of the engine, and for whoever wants to keep nothing.

A `MemoryDatabase` stands for the file. Each `MemoryStorage` is a process that has it open.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.memory import InMemorySaver

from core.ends import EndReason, Status
from core.errors import NotFound, Overtaken, StorageError
from core.message import now
from graph.storage.checkpoint_ids import continue_after
from graph.storage.conversation import Conversation
from graph.storage.decisions import can_be_stopped, check_claim, check_key, is_orphan
from graph.storage.port import Checkpoints, DescribeCrashes, no_description

_Write = Callable[[], object]


@dataclass(slots=True)
class MemoryDatabase:
    """What all processes see."""

    rows: dict[str, Conversation] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Body and conversation, by Idempotency-Key."""
    saver: InMemorySaver = field(default_factory=InMemorySaver)
    living: set[str] = field(default_factory=set)
    last_look: str | None = None
    failure: StorageError | None = None
    """What every write raises while it is set, as a full disk does."""

    def require_writable(self) -> None:
        if self.failure:
            raise self.failure

    def find(self, id: str) -> Conversation:
        """Raises `NotFound`."""
        if id not in self.rows:
            raise NotFound("there is no conversation with that id")
        return self.rows[id]


class MemoryOwner:
    """A process; it is dead after `end`, as after a kill."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.id = uuid4().hex
        self._database = database
        database.living.add(self.id)

    def end(self) -> None:
        self._database.living.discard(self.id)

    def is_alive(self, owner: str) -> bool:
        return owner in self._database.living


class MemoryFence:
    """The claims that a process holds; every write is checked against them."""

    def __init__(self, database: MemoryDatabase, owner: MemoryOwner) -> None:
        self._database = database
        self._owner = owner
        self.claims: dict[str, int] = {}

    def check(self, id: str) -> None:
        """Raises `Overtaken` and what keeps the database from being written."""
        self._database.require_writable()
        row, claim = self._database.rows.get(id), self.claims.get(id)
        if claim is not None:
            lost = row is None or (row.runs, row.owner) != (claim, self._owner.id)
        else:
            lost = row is not None and row.status is Status.RUNNING and self._is_another(row.owner)
        if lost:
            raise Overtaken(conversation_id=id)

    def _is_another(self, owner: str | None) -> bool:
        return owner is not None and owner != self._owner.id and self._owner.is_alive(owner)


class MemoryCheckpoints(Checkpoints):
    """LangGraph's own saver in memory, written to step by step."""

    def __init__(self, database: MemoryDatabase, fence: MemoryFence) -> None:
        super().__init__(serde=database.saver.serde)
        self._saver = database.saver
        self._fence = fence
        self._pending: dict[str, list[_Write]] = {}
        self._creating: set[str] = set()

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._saver.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await self._saver.aget_tuple(config)
        if found is not None:
            place = found.config["configurable"]
            stored = self._saver.storage[place["thread_id"]][place["checkpoint_ns"]]
            continue_after(max(stored))
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        async for found in self._saver.alist(config, filter=filter, before=before, limit=limit):
            yield found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return await self._saver.aget_delta_channel_history(config=config, channels=channels)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = {"checkpoint_ns": "", **config["configurable"]}
        given: RunnableConfig = {**config, "configurable": place}
        thread = str(place["thread_id"])
        self._pend(thread, partial(self._saver.put, given, checkpoint, metadata, new_versions))
        if thread not in self._creating:
            await self.settle(thread)
        head = {"thread_id": thread, "checkpoint_ns": place["checkpoint_ns"]}
        return {"configurable": {**head, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        place = {"checkpoint_ns": "", **config["configurable"]}
        given: RunnableConfig = {**config, "configurable": place}
        write = partial(self._saver.put_writes, given, writes, task_id, task_path)
        self._pend(str(place["thread_id"]), write)

    def _pend(self, thread_id: str, write: _Write) -> None:
        self._pending.setdefault(thread_id, []).append(write)

    async def settle(self, thread_id: str) -> None:
        writes = self._pending.pop(thread_id, [])
        self._fence.check(thread_id)
        for write in writes:
            write()

    async def adelete_thread(self, thread_id: str) -> None:
        self._saver.delete_thread(thread_id)

    @contextmanager
    def creating(self, thread_id: str) -> Iterator[list[_Write]]:
        """Collects what is checkpointed of a new thread, to be stored with its row."""
        self._creating.add(thread_id)
        try:
            yield self._pending.setdefault(thread_id, [])
        finally:
            self._creating.discard(thread_id)
            self._pending.pop(thread_id, None)


class MemoryCatalogue:
    """The rows in a dict, in the order in which they came."""

    def __init__(
        self, database: MemoryDatabase, fence: MemoryFence, checkpoints: MemoryCheckpoints
    ) -> None:
        self._database = database
        self._fence = fence
        self._checkpoints = checkpoints
        self.damaged: dict[str, str] = {}

    async def find_damaged(self) -> None:
        """No row can be: they are objects."""

    def add(self, row: Conversation, key: str | None, body: str, writes: Sequence[_Write]) -> str:
        self._database.require_writable()
        if key is not None and (found := self._find_by_key(key, body)):
            return found
        if row.id in self._database.rows:
            raise StorageError(f"there is a conversation {row.id} already")
        if key is not None:
            self._database.keys[key] = (body, row.id)
        self._database.rows[row.id] = row
        for write in writes:
            write()
        return row.id

    async def find_by_key(self, key: str, body: str) -> str | None:
        return self._find_by_key(key, body)

    def _find_by_key(self, key: str, body: str) -> str | None:
        if key not in self._database.keys:
            return None
        stored_body, id = self._database.keys[key]
        check_key(stored_body, body)
        return id

    async def get(self, id: str) -> Conversation:
        return self._database.find(id)

    async def list_page(
        self, limit: int, before: int | None = None, **filters: str | None
    ) -> tuple[list[Conversation], int | None]:
        numbered = list(enumerate(self._database.rows.values(), 1))[::-1]
        wanted = {name: value or None for name, value in filters.items() if value is not None}
        found = [
            (number, row)
            for number, row in numbered
            if (before is None or number < before)
            and all(getattr(row, name) == value for name, value in wanted.items())
        ]
        more = found[limit - 1][0] if len(found) > limit else None
        return [row for _, row in found[:limit]], more

    async def list_children(self, id: str) -> list[str]:
        rows = self._database.rows.values()
        return [row.id for row in rows if row.parent_id == id and row.experiment_id is None]

    async def list_replays(self, id: str) -> list[str]:
        rows = self._database.rows.values()
        return [row.id for row in rows if row.parent_id == id and row.experiment_id is not None]

    async def count_by_status(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in self._database.rows.values():
            counts[row.status] = counts.get(row.status, 0) + 1
        return counts

    async def claim(
        self,
        id: str,
        owner: str,
        is_alive: Callable[[str], bool],
        *,
        runs: int | None = None,
        only_orphaned: bool = False,
    ) -> Conversation:
        row = self._database.find(id)
        check_claim(row, is_alive, runs, only_orphaned)
        self._database.require_writable()
        claimed = {"status": Status.RUNNING, "owner": owner, "runs": row.runs + 1}
        self._store(row, **claimed, error=None, in_flight=None)
        self._fence.claims[id] = row.runs + 1
        return row

    async def release(self, id: str, **changes: Any) -> None:
        try:
            await self.update(id, **changes, owner=None)
        finally:
            self._fence.claims.pop(id, None)

    async def update(self, id: str, **changes: Any) -> None:
        self._fence.check(id)
        if id in self._database.rows:
            self._store(self._database.rows[id], **changes)

    def update_later(self, id: str, **changes: Any) -> None:
        try:
            self._fence.check(id)
        except StorageError:
            return  # nobody waits for it
        if id in self._database.rows:
            self._store(self._database.rows[id], **changes)

    def _store(self, row: Conversation, **changes: Any) -> None:
        self._database.rows[row.id] = replace(row, **changes, updated_at=now())

    async def stop(self, id: str, is_driven: Callable[[Conversation], bool]) -> bool:
        row = self._database.find(id)
        if not can_be_stopped(row, is_driven):
            return False
        self._database.require_writable()
        self._store(row, status=Status.STOPPED, end_reason=EndReason.STOPPED, owner=None)
        return True

    async def list_owners(self) -> list[str | None]:
        rows = self._database.rows.values()
        return list({row.owner for row in rows if row.status is Status.RUNNING})

    async def list_resumable(self) -> list[tuple[str, int]]:
        return [
            (row.id, row.deaths)
            for row in reversed(self._database.rows.values())
            if row.status is Status.INTERRUPTED and not (row.error or row.experiment_id)
        ]

    async def interrupt_orphans(
        self, is_alive: Callable[[str], bool], describe: DescribeCrashes = no_description
    ) -> list[Conversation]:
        found = [row for row in self._database.rows.values() if is_orphan(row, is_alive)]
        self._database.require_writable()
        for row in found:
            crashes, deaths = row.crashes + 1, row.deaths + 1
            counted = {"crashes": crashes, "deaths": deaths, "error": describe(crashes, deaths)}
            self._store(row, status=Status.INTERRUPTED, owner=None, **counted)
        return found

    async def delete(self, id: str) -> None:
        self._database.require_writable()
        self._database.rows.pop(id, None)
        for key in [key for key, (_, of) in self._database.keys.items() if of == id]:
            del self._database.keys[key]
        for child in [row for row in self._database.rows.values() if row.parent_id == id]:
            self._database.rows[child.id] = replace(child, parent_id=None)
        await self._checkpoints.adelete_thread(id)
        self._fence.claims.pop(id, None)

    async def read_last_look(self) -> str | None:
        changed = (row.updated_at for row in self._database.rows.values())
        return self._database.last_look or max(changed, default=None)

    async def store_last_look(self, at: str) -> None:
        self._database.require_writable()
        self._database.last_look = at

    async def list_expired(self, before: str, now: str, limit: int) -> list[str]:
        found: list[str] = []
        for row in self._database.rows.values():
            if _is_old(row, before):
                found.append(row.id)
            if before <= row.created_at <= now:
                break
        return found[:limit]

    async def expire(self, id: str, before: str) -> Conversation | None:
        row = self._database.rows.get(id)
        if row is None or not _is_old(row, before):
            return None
        await self.delete(id)
        return row


def _is_old(row: Conversation, before: str) -> bool:
    """There are no labels and no experiments here, so no trial's experiment is kept."""
    return row.updated_at < before and row.status is not Status.RUNNING


class MemoryStorage:
    """One process that has the database open."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = database or MemoryDatabase()
        self.owner = MemoryOwner(self.database)
        fence = MemoryFence(self.database, self.owner)
        self.checkpoints = MemoryCheckpoints(self.database, fence)
        self.catalogue = MemoryCatalogue(self.database, fence, self.checkpoints)

    async def create(
        self,
        row: Conversation,
        checkpoint: Callable[[], Awaitable[None]],
        key: str | None = None,
        body: str = "",
    ) -> str:
        with self.checkpoints.creating(row.id) as writes:
            await checkpoint()
            return self.catalogue.add(row, key, body, writes)

    async def check(self) -> None:
        self.database.require_writable()

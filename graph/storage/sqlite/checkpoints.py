"""LangGraph's SQLite checkpoints, written through the database's one writer.

The tables, rows and serialisation are those of langgraph-checkpoint-sqlite, so its own tools
read the file. What differs is who writes (a group commit instead of a commit a row) and how
long transcripts are read (without unpacking every step on the way).
"""

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

import aiosqlite
import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graph.storage.checkpoint_ids import continue_after, next_version, versions_as_text
from graph.storage.sql.checkpoints import SteppedCheckpoints, config_of, make_serializer
from graph.storage.sql.fences import Fences
from graph.storage.sql.statements import Step
from graph.storage.sqlite.database import Database

_PUT = """INSERT OR REPLACE INTO checkpoints
    (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_WRITE = """INSERT OR {verb} INTO writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_LINEAGE = """WITH RECURSIVE lineage(id, parent, depth) AS (
    SELECT checkpoint_id, parent_checkpoint_id, 0 FROM checkpoints
    WHERE thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :id
    UNION
    SELECT c.checkpoint_id, c.parent_checkpoint_id, depth + 1
    FROM lineage CROSS JOIN checkpoints c ON c.checkpoint_id = lineage.parent
    WHERE c.thread_id = :thread AND c.checkpoint_ns = :ns AND depth < 100000)
"""
_ANCESTORS = (
    _LINEAGE
    + """SELECT l.depth, c.type, c.checkpoint FROM lineage l
    CROSS JOIN checkpoints c ON c.checkpoint_id = l.id
    WHERE c.thread_id = :thread AND c.checkpoint_ns = :ns AND l.depth > 0 ORDER BY l.depth"""
)
_DELTAS = (
    _LINEAGE
    + """SELECT l.depth, w.channel, w.task_path, w.task_id, w.idx, w.type, w.value FROM lineage l
    CROSS JOIN writes w ON w.checkpoint_id = l.id
    WHERE w.thread_id = :thread AND w.checkpoint_ns = :ns AND l.depth > 0
    AND w.channel IN ({channels}) ORDER BY l.depth DESC, w.task_path, w.task_id, w.idx"""
)


_CHECKPOINT = """SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"""
_LATEST = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"
_PENDING = """SELECT task_id, channel, type, value FROM writes
    WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
    ORDER BY task_path, task_id, idx"""


def _select_checkpoint(
    head: tuple[str, str], id: str | None, connection: sqlite3.Connection
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]], str] | None:
    """A checkpoint's row, the last one's where no `id` is given, its writes and the last id."""
    if id:
        rows = connection.execute(f"{_CHECKPOINT} AND checkpoint_id = ?", (*head, id))
    else:
        rows = connection.execute(f"{_CHECKPOINT} ORDER BY checkpoint_id DESC LIMIT 1", head)
    row = rows.fetchone()
    if row is None:
        return None
    (latest,) = connection.execute(_LATEST, head).fetchone()
    return row, connection.execute(_PENDING, (*head, row[0])).fetchall(), latest


class SqliteCheckpoints(SteppedCheckpoints, AsyncSqliteSaver):
    """The saver that all runs share."""

    ignore_writes = _WRITE.format(verb="IGNORE")
    replace_writes = _WRITE.format(verb="REPLACE")

    def __init__(self, database: Database, reader: aiosqlite.Connection, fences: Fences) -> None:
        super().__init__(reader, serde=make_serializer())
        self._share(database, fences)
        self.is_setup = True

    def get_next_version(self, current: Any, channel: None) -> Any:
        return next_version(current)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint, the last one where none is named, with the writes behind it."""
        place = config["configurable"]
        head = (str(place["thread_id"]), place.get("checkpoint_ns", ""))
        if head[0] in self._creating:
            return None
        found = await self.database.run_read(
            partial(_select_checkpoint, head, get_checkpoint_id(config))
        )
        if found is None:
            return None
        (id, parent, kind, blob, metadata_blob), writes, latest = found
        continue_after(latest)
        with self._naming_damage(head[0]):
            checkpoint = self.serde.loads_typed((kind, blob))
            versions_as_text(checkpoint)
            return CheckpointTuple(
                config_of(*head, id),
                checkpoint,
                orjson.loads(metadata_blob) if metadata_blob is not None else {},
                config_of(*head, parent) if parent else None,
                [
                    (task_id, channel, self.serde.loads_typed((kind, value)))
                    for task_id, channel, kind, value in writes
                ],
            )

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        thread = str((config or {}).get("configurable", {}).get("thread_id", ""))
        with self._naming_damage(thread):
            async for found in super().alist(config, filter=filter, before=before, limit=limit):
                yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = config["configurable"]
        thread, namespace = str(place["thread_id"]), place.get("checkpoint_ns", "")
        kind, blob = self.serde.dumps_typed(checkpoint)
        metadata_blob = orjson.dumps(get_checkpoint_metadata(config, metadata))
        parent = place.get("checkpoint_id")
        row = (thread, namespace, checkpoint["id"], parent, kind, blob, metadata_blob)
        steps: list[Step] = [(_PUT, [row])]
        await self._store_checkpoint(thread, parent, checkpoint, steps)
        return config_of(thread, namespace, checkpoint["id"])

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What the base class promises, in two queries instead of unpacking each ancestor."""
        place = config["configurable"]
        target = get_checkpoint_id(config)
        if not target or not channels:
            return await super().aget_delta_channel_history(config=config, channels=channels)
        where = {
            "thread": str(place["thread_id"]),
            "ns": place.get("checkpoint_ns", ""),
            "id": target,
        }
        seeds = await self._seeds(where, channels)
        names = {f"c{at}": channel for at, channel in enumerate(channels)}
        sql = _DELTAS.format(channels=", ".join(f":{name}" for name in names))
        rows = await self.database.read(sql, {**where, **names})
        with self._naming_damage(where["thread"]):
            return {name: self._history(name, rows, seeds.get(name)) for name in channels}

    def _history(
        self, channel: str, rows: Sequence[Any], seed: tuple[int, Any] | None
    ) -> DeltaChannelHistory:
        writes = [
            (task_id, channel, self.serde.loads_typed((kind, value)))
            for depth, name, _path, task_id, _idx, kind, value in rows
            if name == channel and (seed is None or depth <= seed[0])
        ]
        history: DeltaChannelHistory = {"writes": writes}
        if seed is not None:
            history["seed"] = seed[1]
        return history

    async def _seeds(
        self, where: Mapping[str, Any], channels: Sequence[str]
    ) -> dict[str, tuple[int, Any]]:
        """The nearest stored value of each channel, with its distance in steps."""
        seeds: dict[str, tuple[int, Any]] = {}
        stored = _stores_any_of(channels)
        rows = await self.database.read(_ANCESTORS, where)
        for depth, kind, blob in rows:
            if len(seeds) == len(channels):
                break
            if not stored.search(blob):
                continue
            values = self.serde.loads_typed((kind, blob)).get("channel_values") or {}
            for channel in channels:
                if channel not in seeds and channel in values:
                    seeds[channel] = (depth, values[channel])
        return seeds


def _stores_any_of(channels: Sequence[str]) -> "re.Pattern[bytes]":
    """Finds, in packed msgpack, one of the names with a list, map or extension right behind it.

    A name stands in each checkpoint, with its version (a number or text) behind it; only where a
    value is stored does such a thing follow, and only those are worth unpacking.
    """
    names = b"|".join(re.escape(name.encode()) for name in channels)
    return re.compile(b"(?:" + names + b")[\\x80-\\x9f\\xc7-\\xc9\\xd4-\\xd8\\xdc-\\xdf]")

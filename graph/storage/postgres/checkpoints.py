"""LangGraph's Postgres checkpoints, written through this process's one writer.

The tables and rows are those of langgraph-checkpoint-postgres, so its own saver reads and continues
them. What differs: a step is one transaction, and every write shows the claim it is made under.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from secrets import randbelow
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_serializable_checkpoint_metadata,
)
from psycopg.types.json import Jsonb

from graph.storage.checkpoint_ids import continue_after
from graph.storage.postgres.translate import NUL
from graph.storage.sql.checkpoints import SteppedCheckpoints, config_of, make_serializer
from graph.storage.sql.fences import Fences
from graph.storage.sql.statements import Connection, Database, Step

_PUT = """INSERT INTO checkpoints
    (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
    DO UPDATE SET checkpoint = excluded.checkpoint, metadata = excluded.metadata"""
_PUT_BLOB = """INSERT INTO checkpoint_blobs
    (thread_id, checkpoint_ns, channel, version, type, blob) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING"""
_WRITE = """INSERT INTO checkpoint_writes
    (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) """
_CHECKPOINT = """SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint,
    metadata FROM checkpoints"""
_LATEST = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"
_BLOBS = """SELECT b.channel, b.type, b.blob FROM checkpoints c
    CROSS JOIN LATERAL jsonb_each_text(c.checkpoint -> 'channel_versions') v
    JOIN checkpoint_blobs b ON b.thread_id = c.thread_id AND b.checkpoint_ns = c.checkpoint_ns
        AND b.channel = v.key AND b.version = v.value
    WHERE c.thread_id = ? AND c.checkpoint_ns = ? AND c.checkpoint_id = ? AND b.type <> 'empty'"""
_PENDING = """SELECT task_id, channel, type, blob FROM checkpoint_writes
    WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
    ORDER BY task_path COLLATE "C", task_id COLLATE "C", idx"""
_LINEAGE = """WITH RECURSIVE lineage (id, parent, versions, depth) AS (
    SELECT checkpoint_id, parent_checkpoint_id, checkpoint -> 'channel_versions', 0
    FROM checkpoints WHERE thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :id
    UNION ALL
    SELECT c.checkpoint_id, c.parent_checkpoint_id, c.checkpoint -> 'channel_versions', depth + 1
    FROM lineage JOIN checkpoints c ON c.thread_id = :thread AND c.checkpoint_ns = :ns
        AND c.checkpoint_id = lineage.parent)
"""
_SEEDS = (
    _LINEAGE
    + """SELECT DISTINCT ON (b.channel) b.channel, l.depth, b.type, b.blob FROM lineage l
    JOIN checkpoint_blobs b ON b.thread_id = :thread AND b.checkpoint_ns = :ns
        AND b.channel = ANY(:channels) AND b.version = l.versions ->> b.channel
        AND b.type <> 'empty'
    WHERE l.depth > 0 ORDER BY b.channel, l.depth"""
)
_DELTAS = (
    _LINEAGE
    + """SELECT l.depth, w.channel, w.task_id, w.type, w.blob FROM lineage l
    JOIN checkpoint_writes w ON w.thread_id = :thread AND w.checkpoint_ns = :ns
        AND w.checkpoint_id = l.id AND w.channel = ANY(:channels)
    WHERE l.depth > 0
    ORDER BY l.depth DESC, w.task_path COLLATE "C", w.task_id COLLATE "C", w.idx"""
)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A checkpoint's row, the values of its channels, and what was written after it."""

    row: tuple[Any, ...]
    blobs: list[tuple[str, str, bytes]]
    writes: list[tuple[str, str, str, bytes]]


def _select(connection: Connection, row: tuple[Any, ...]) -> _Stored:
    place = row[:3]
    blobs = connection.execute(_BLOBS, place).fetchall()
    return _Stored(row, blobs, connection.execute(_PENDING, place).fetchall())


def _select_checkpoint(
    head: tuple[str, str], id: str | None, connection: Connection
) -> tuple[_Stored, str] | None:
    """A checkpoint, the last one where no `id` is given, and the last one's id."""
    where = f"{_CHECKPOINT} WHERE thread_id = ? AND checkpoint_ns = ?"
    if id:
        found = connection.execute(f"{where} AND checkpoint_id = ?", (*head, id))
    else:
        found = connection.execute(f"{where} ORDER BY checkpoint_id DESC LIMIT 1", head)
    row = found.fetchone()
    if row is None:
        return None
    (latest,) = connection.execute(_LATEST, head).fetchone() if id else (row[2],)
    return _select(connection, row), latest


def _select_all(sql: str, values: Sequence[Any], connection: Connection) -> list[_Stored]:
    rows = connection.execute(sql, values).fetchall()
    return [_select(connection, row) for row in rows]


def _is_inline(value: Any) -> bool:
    """Whether it stands in the checkpoint itself, as langgraph-checkpoint-postgres has it.

    What JSONB cannot hold is a blob all the same.
    """
    if isinstance(value, str):
        return NUL not in value
    return value is None or (isinstance(value, int | float) and isfinite(value))


class PostgresCheckpoints(SteppedCheckpoints):
    """The saver that all runs share."""

    ignore_writes = _WRITE + "DO NOTHING"
    replace_writes = (
        _WRITE
        + "DO UPDATE SET channel = excluded.channel, type = excluded.type, blob = excluded.blob"
    )

    def __init__(self, database: Database, fences: Fences) -> None:
        super().__init__(serde=make_serializer())
        self._share(database, fences)

    def get_next_version(self, current: Any, channel: None) -> str:
        """As langgraph-checkpoint-postgres: two branches of a thread never share a version."""
        number = 0 if current is None else int(str(current).split(".", maxsplit=1)[0])
        return f"{number + 1:032}.{randbelow(10**16):016}"

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
        stored, latest = found
        continue_after(latest)
        return self._unpack(stored)

    def _unpack(self, stored: _Stored) -> CheckpointTuple:
        thread, namespace, id, parent, checkpoint, metadata = stored.row
        load = self.serde.loads_typed
        with self._naming_damage(thread):
            values = {name: load((kind, blob)) for name, kind, blob in stored.blobs}
            inline = checkpoint.get("channel_values") or {}
            return CheckpointTuple(
                config_of(thread, namespace, id),
                cast(Checkpoint, {**checkpoint, "channel_values": {**inline, **values}}),
                metadata,
                config_of(thread, namespace, parent) if parent else None,
                [(task, name, load((kind, blob))) for task, name, kind, blob in stored.writes],
            )

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        place = (config or {}).get("configurable", {})
        wanted = {
            "thread_id = ?": place.get("thread_id"),
            "checkpoint_ns = ?": place.get("checkpoint_ns"),
            "checkpoint_id = ?": get_checkpoint_id(config) if config else None,
            "checkpoint_id < ?": get_checkpoint_id(before) if before else None,
            "metadata @> ?": Jsonb(filter) if filter else None,
        }
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        sql = f"{_CHECKPOINT}{where} ORDER BY checkpoint_id DESC LIMIT ?"
        values = [*given.values(), limit]
        for stored in await self.database.run_read(partial(_select_all, sql, values)):
            yield self._unpack(stored)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = config["configurable"]
        thread, namespace = str(place["thread_id"]), place.get("checkpoint_ns", "")
        parent, values = place.get("checkpoint_id"), checkpoint["channel_values"]
        described = get_serializable_checkpoint_metadata(config, metadata)
        inline = {name: value for name, value in values.items() if _is_inline(value)}
        bare = Jsonb({**checkpoint, "channel_values": inline})
        row = (thread, namespace, checkpoint["id"], parent, bare, Jsonb(described))
        blobs = [
            (thread, namespace, channel, version, *self.serde.dumps_typed(values[channel]))
            for channel, version in new_versions.items()
            if channel in values and channel not in inline
        ]
        steps: list[Step] = [(_PUT_BLOB, blobs), (_PUT, [row])]
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
        thread = str(place["thread_id"])
        where = {
            "thread": thread,
            "ns": place.get("checkpoint_ns", ""),
            "id": target,
            "channels": list(channels),
        }
        seeds = {row[0]: row[1:] for row in await self.database.read(_SEEDS, where)}
        rows = await self.database.read(_DELTAS, where)
        with self._naming_damage(thread):
            return {name: self._history(name, rows, seeds.get(name)) for name in channels}

    def _history(
        self, channel: str, rows: Sequence[Any], seed: tuple[int, str, bytes] | None
    ) -> DeltaChannelHistory:
        writes = [
            (task_id, channel, self.serde.loads_typed((kind, value)))
            for depth, name, task_id, kind, value in rows
            if name == channel and (seed is None or depth <= seed[0])
        ]
        history: DeltaChannelHistory = {"writes": writes}
        if seed is not None:
            history["seed"] = self.serde.loads_typed((seed[1], seed[2]))
        return history

"""What a step writes is kept until its checkpoint and stored with it, in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, Checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from core.errors import Damaged
from graph.storage.port import Checkpoints
from graph.storage.sql.fences import Fences
from graph.storage.sql.statements import Database, Step, execute_fenced, execute_steps

_OF, _CHANNEL = 2, 6
"""Columns of a stored write: the checkpoint that it follows, and what it is written to."""
_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, ImportError)
"""What unpacking raises where bytes are not what was packed."""


def make_serializer() -> JsonPlusSerializer:
    """Reads data alone: no class is imported because a stored checkpoint names it."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


def config_of(thread: str, namespace: str, id: str) -> RunnableConfig:
    return {
        "configurable": {
            "thread_id": thread,
            "checkpoint_ns": namespace,
            "checkpoint_id": id,
        }
    }


class SteppedCheckpoints(Checkpoints):
    """The saver that all runs share, whatever its tables are."""

    ignore_writes: str
    """Stores writes; those that are there already stay."""
    replace_writes: str
    database: Database
    _fences: Fences
    _creating: set[str]
    _pending: dict[str, list[Step]]

    def _share(self, database: Database, fences: Fences) -> None:
        self.database = database
        self._fences = fences
        self._creating = set()
        self._pending = {}

    @contextmanager
    def _naming_damage(self, id: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            why = f"a checkpoint of conversation {id} is damaged: {error}"
            damage = Damaged(why, id=id)
            self.database.report_damage(damage)
            raise damage from error

    @contextmanager
    def creating(self, thread_id: str) -> Iterator[list[Step]]:
        """Collects what is checkpointed of a new thread, for one transaction with its row."""
        self._creating.add(thread_id)
        try:
            yield self._pending.setdefault(thread_id, [])
        finally:
            self._creating.discard(thread_id)
            self._pending.pop(thread_id, None)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Kept until the step's checkpoint, and stored with it in one transaction."""
        place = config["configurable"]
        head = (str(place["thread_id"]), place.get("checkpoint_ns", ""), place["checkpoint_id"])
        rows = [
            (
                *head,
                task_id,
                task_path,
                WRITES_IDX_MAP.get(channel, at),
                channel,
                *self.serde.dumps_typed(value),
            )
            for at, (channel, value) in enumerate(writes)
        ]
        again = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        sql = self.replace_writes if again else self.ignore_writes
        self._pending.setdefault(head[0], []).append((sql, rows))

    async def _store_checkpoint(
        self, thread: str, parent: str | None, checkpoint: Checkpoint, steps: Sequence[Step]
    ) -> None:
        pending = self._pending.get(thread, [])
        needed = self._needed(pending, parent, checkpoint["channel_values"])
        self._pending[thread] = pending
        pending[:] = [*needed, *steps]
        if thread not in self._creating:
            await self.settle(thread)

    def _needed(
        self, steps: Sequence[Step], parent: str | None, values: Mapping[str, Any]
    ) -> list[Step]:
        """Without what a step wrote to channels whose values its checkpoint holds itself.

        They would serve a process that died before the checkpoint, and both are stored at once.
        What remains is what long channels are put together from, interrupts, answers and errors,
        and an earlier checkpoint that is not stored yet.
        """

        def is_needed(row: Sequence[Any]) -> bool:
            channel = row[_CHANNEL]
            return row[_OF] != parent or channel not in values or channel in WRITES_IDX_MAP

        writes = (self.ignore_writes, self.replace_writes)
        found = [
            (sql, [row for row in rows if sql not in writes or is_needed(row)])
            for sql, rows in steps
        ]
        return [(sql, rows) for sql, rows in found if rows]

    async def settle(self, thread_id: str) -> None:
        """Stores what a run left without a checkpoint behind it: interrupts, answers, errors.

        Returns once all that the run wrote is on disk, also where nobody waited for it. Raises
        `Overtaken` where another process drives the conversation.
        """
        steps = self._pending.pop(thread_id, [])
        await self.database.write(partial(execute_fenced, self._fences.of(thread_id), steps))

    async def adelete_thread(self, thread_id: str) -> None:
        tables = self.database.checkpoint_tables
        steps = [(f"DELETE FROM {table} WHERE thread_id = ?", [(thread_id,)]) for table in tables]
        await self.database.write(partial(execute_steps, steps))
        self.database.erase_soon()

"""What a step writes is kept until its checkpoint and stored with it, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from core.errors import Damaged
from graph.storage.port import Checkpoints
from graph.storage.sql.fences import Fences
from graph.storage.sql.statements import Database, Step, execute_fenced, execute_steps

_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, ImportError)
"""What unpacking raises where bytes are not what was packed."""


def make_serializer() -> JsonPlusSerializer:
    """Reads data alone: no class is imported because a stored checkpoint names it."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


class SteppedCheckpoints(Checkpoints):
    """The saver that all runs share, whatever its tables are."""

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

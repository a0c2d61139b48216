"""People's verdicts on the checks and criteria of conversations."""

import orjson

from core.errors import NotFound
from graph.storage.experiment_rows import LabelRow
from graph.storage.sql.statements import Connection, Database
from graph.storage.sql.trials import raise_revision, write_trial

_LABELS = "SELECT conversation_id, verdict_id, labeller, status, note, created_at FROM labels"
_PUT = """INSERT INTO labels (conversation_id, verdict_id, labeller, status, note, created_at)
    SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM conversations WHERE id = ?)
    ON CONFLICT (conversation_id, verdict_id, labeller) DO UPDATE SET
    status = excluded.status, note = excluded.note, created_at = excluded.created_at"""


class Labels:
    """Reads and writes labels; each change is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, label: LabelRow) -> None:
        """A person's verdict; the same person's earlier one is replaced. Raises `NotFound`."""

        def work(connection: Connection) -> None:
            stored = connection.execute(
                _PUT,
                [
                    *(getattr(label, name) for name in LabelRow.__dataclass_fields__),
                    label.conversation_id,
                ],
            )
            if not stored.rowcount:
                raise NotFound("there is no conversation with that id")
            _mark_changed(connection, label.conversation_id)

        await self._database.write(work)

    async def delete(
        self, conversation_id: str, verdict_id: str, labeller: str | None = None
    ) -> int:
        """Removes a person's label, or all of them; gives how many there were."""

        def work(connection: Connection) -> int:
            who = " AND labeller = ?" if labeller is not None else ""
            values = [conversation_id, verdict_id, *([labeller] if labeller is not None else [])]
            gone = connection.execute(
                f"DELETE FROM labels WHERE conversation_id = ? AND verdict_id = ?{who}", values
            ).rowcount
            _mark_changed(connection, conversation_id)
            return gone

        gone = await self._database.write(work)
        self._database.erase_soon()
        return gone

    async def select(
        self, conversation_id: str | None = None, *, experiment_id: str | None = None
    ) -> list[LabelRow]:
        """The labels of one conversation, or of all trials of an experiment."""
        if experiment_id is not None:
            rows = await self._database.read(
                f"{_LABELS} WHERE conversation_id IN (SELECT conversation_id FROM trials "
                "WHERE experiment_id = ?) ORDER BY created_at",
                (experiment_id,),
            )
        else:
            rows = await self._database.read(
                f"{_LABELS} WHERE conversation_id = ? ORDER BY created_at", (conversation_id,)
            )
        return [LabelRow(*row) for row in rows]


def forget_conversation(connection: Connection, conversation_id: str) -> None:
    """Removes what labels, verdicts and figures quote of a conversation that is deleted."""
    _mark_changed(connection, conversation_id)
    connection.execute(
        "DELETE FROM figures WHERE experiment_id IN "
        "(SELECT experiment_id FROM trials WHERE conversation_id = ?)",
        (conversation_id,),
    )
    connection.execute("DELETE FROM labels WHERE conversation_id = ?", (conversation_id,))
    connection.execute(
        "UPDATE verdicts SET body = '{}' WHERE (experiment_id, trial) IN "
        "(SELECT experiment_id, number FROM trials WHERE conversation_id = ?)",
        (conversation_id,),
    )
    connection.execute(
        "UPDATE trials SET conversation_id = NULL WHERE conversation_id = ?", (conversation_id,)
    )


def forget_replay(connection: Connection, experiment_id: str, conversation_id: str) -> None:
    """Takes a deleted conversation out of what its experiment's trials had replayed."""
    rows = connection.execute(
        "SELECT number, spending FROM trials WHERE experiment_id = ? AND spending LIKE ?",
        (experiment_id, f'%"conversation_id":"{conversation_id}"%'),
    ).fetchall()
    for number, spending in rows:
        parts = orjson.loads(spending)
        for part in parts.values():
            if part.get("conversation_id") == conversation_id:
                del part["conversation_id"]
        revision = raise_revision(connection, experiment_id)
        write_trial(connection, experiment_id, number, {"spending": parts, "revision": revision})
        connection.execute("DELETE FROM figures WHERE experiment_id = ?", (experiment_id,))


def _mark_changed(connection: Connection, conversation_id: str) -> None:
    """Figures change with a label and with what is deleted, so the trial has changed."""
    row = connection.execute(
        "SELECT experiment_id, number FROM trials WHERE conversation_id = ?", (conversation_id,)
    ).fetchone()
    if row is not None:
        write_trial(connection, row[0], row[1], {"revision": raise_revision(connection, row[0])})

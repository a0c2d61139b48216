"""The catalogue of conversations: how each stands, in the same file as its checkpoints."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, get_args, get_type_hints

from core.ends import EndReason, Status
from core.errors import Damaged, NotFound
from core.message import now
from graph.storage.conversation import Conversation
from graph.storage.decisions import can_be_stopped, check_claim, check_key, is_orphan
from graph.storage.port import DescribeCrashes, no_description
from graph.storage.sql.fences import Fences
from graph.storage.sql.labels import forget_conversation, forget_replay
from graph.storage.sql.statements import (
    FOR_UPDATE,
    FOR_UPDATE_UNLOCKED,
    STORE_META,
    Connection,
    Database,
    Step,
    execute_fenced,
    execute_steps,
)

T = TypeVar("T")
SCAN_PAGE = 200


_COLUMNS = list(Conversation.__dataclass_fields__)
_SELECT = f"SELECT {', '.join(_COLUMNS)}, seq FROM conversations"
_JSON = ("error", "scenario", "pending")
_IS_OLD = """c.updated_at < :before AND c.status != 'running'
    AND NOT EXISTS (SELECT 1 FROM labels WHERE conversation_id = c.id)
    AND (c.experiment_id IS NULL OR c.experiment_id NOT IN (SELECT id FROM experiments))"""
_EXPIRED = f"""SELECT c.id FROM conversations c WHERE {_IS_OLD}
    AND NOT EXISTS (SELECT 1 FROM conversations y
        WHERE y.seq < c.seq AND y.created_at >= :before AND y.created_at <= :now)
    ORDER BY c.seq LIMIT :limit"""
_LAST_LOOK = """SELECT coalesce((SELECT value FROM meta WHERE name = 'last look'),
    (SELECT max(updated_at) FROM conversations))"""


_COUNTS = ("turn", "max_turns", "runs", "crashes", "deaths")
_KINDS = {
    name: get_args(kind) or (kind,)
    for name, kind in {**get_type_hints(Conversation), **dict.fromkeys(_JSON, dict | None)}.items()
}
_LAST_SEQ = 2**53
"""No row is numbered beyond that, unless its number is damaged; text sorts there too."""


def _conversation(row: Sequence[Any]) -> Conversation:
    """Raises `Damaged`."""
    values = dict(zip(_COLUMNS, row, strict=False))
    try:
        for name in _JSON:
            values[name] = json.loads(values[name]) if values[name] else None
        values["status"] = Status(values["status"])
        _check_values(values)
        return Conversation(**values)
    except (ValueError, TypeError) as error:
        id = to_readable(values["id"])
        raise Damaged(f"the row of conversation {id} is damaged: {error}", id=id) from error


def _check_values(values: Mapping[str, Any]) -> None:
    """Raises `ValueError` for what nobody stored there: SQLite takes any value in any column."""
    for name, value in values.items():
        if type(value) not in _KINDS[name]:
            raise ValueError(f"{name} is {value!r:.80}")
        if type(value) is str and not value.isascii():
            value.encode()  # bytes that were no text
    for name in _COUNTS:
        if values[name] < 0:
            raise ValueError(f"{name} is {values[name]}")
    if values["scenario"] is None:
        raise ValueError("there is no scenario")


def to_readable(id: Any) -> str:
    """An id that may be anything."""
    return id.encode(errors="replace").decode() if isinstance(id, str) else repr(id)


class SqlCatalogue:
    """Reads and writes rows; each change is one transaction."""

    def __init__(self, database: Database, fences: Fences) -> None:
        self._database = database
        self._fences = fences
        self.damaged = database.damaged

    async def add(
        self,
        row: Conversation,
        key: str | None = None,
        body: str = "",
        steps: Sequence[Step] = (),
    ) -> str:
        """Stores a new conversation and gives its id; with a known `key`, the id it stands for.

        `steps` are its first checkpoints, stored in the same transaction or not at all. Raises
        `KeyReused` where the key came with another body.
        """

        def work(connection: Connection) -> str:
            if key is not None:
                known = _id_for_key(connection, key, body)
                if known:
                    return known
                connection.execute("INSERT INTO idempotency VALUES (?, ?, ?)", (key, body, row.id))
            _insert(connection, row)
            execute_steps(steps, connection)
            return row.id

        return await self._database.write(work)

    async def find_by_key(self, key: str, body: str) -> str | None:
        """The conversation that was made with this Idempotency-Key. Raises `KeyReused`."""
        return await self._database.write(lambda connection: _id_for_key(connection, key, body))

    async def find_by_alias(self, key: str) -> str | None:
        """The conversation that this key made, with whatever body."""
        sql = "SELECT conversation_id FROM idempotency WHERE key = ?"
        rows = await self._database.read(sql, (key,))
        return str(rows[0][0]) if rows else None

    async def get(self, id: str) -> Conversation:
        """Raises `NotFound`."""
        rows = await self._database.read(f"{_SELECT} WHERE id = ?", (id,))
        if not rows:
            raise NotFound("there is no conversation with that id")
        return _conversation(rows[0])

    async def list_page(
        self, limit: int, before: int | None = None, **filters: str | None
    ) -> tuple[list[Conversation], int | None]:
        """Newest first, and the cursor of the next page if there is one; "" means none."""
        wanted = {name: value for name, value in filters.items() if value is not None}
        clauses = [f"{name} = ?" if value else f"{name} IS NULL" for name, value in wanted.items()]
        values: list[Any] = [value for value in wanted.values() if value]
        values.append(_LAST_SEQ if before is None else before)
        where = " WHERE " + " AND ".join([*clauses, "seq < ?"])
        rows = await self._database.read(
            f"{_SELECT}{where} ORDER BY seq DESC LIMIT ?", [*values, limit + 1]
        )
        more = rows[limit - 1][-1] if len(rows) > limit else None
        return self._readable(rows[:limit]), more

    def _readable(self, rows: Sequence[Sequence[Any]]) -> list[Conversation]:
        """Without the damaged ones, each of which is logged once and remembered."""
        found = []
        for row in rows:
            try:
                found.append(_conversation(row))
            except Damaged as error:
                self._database.report_damage(error)
        return found

    async def find_damaged(self) -> None:
        sql = "SELECT id, seq FROM conversations WHERE seq >= ?"
        for id, seq in await self._database.read(sql, (_LAST_SEQ,)):
            why = f"the row of conversation {to_readable(id)} is damaged: seq is {seq!r:.80}"
            self._database.report_damage(Damaged(why, id=to_readable(id)))
        before: int | None = None
        while True:
            _, before = await self.list_page(SCAN_PAGE, before)
            if before is None:
                return

    async def list_children(self, id: str) -> list[str]:
        rows = await self._database.read(
            "SELECT id FROM conversations WHERE parent_id = ? AND experiment_id IS NULL "
            "ORDER BY seq",
            (id,),
        )
        return [row[0] for row in rows]

    async def list_replays(self, id: str) -> list[str]:
        rows = await self._database.read(
            "SELECT id FROM conversations WHERE parent_id = ? AND experiment_id IS NOT NULL", (id,)
        )
        return [row[0] for row in rows]

    async def claim(
        self,
        id: str,
        owner: str,
        is_alive: Callable[[str], bool],
        *,
        runs: int | None = None,
        only_orphaned: bool = False,
    ) -> Conversation:
        """Makes `owner` the one that drives it; the row as it stood before.

        Raises `Busy` if another process drives it or if `runs` is not the count on disk, and with
        `only_orphaned` `Conflict` unless it stands as a process that died left it.
        """

        def work(connection: Connection) -> Conversation:
            row = connection.execute(f"{_SELECT} WHERE id = ?{FOR_UPDATE}", (id,)).fetchone()
            if row is None:
                raise NotFound("there is no conversation with that id")
            found = _conversation(row)
            check_claim(found, is_alive, runs, only_orphaned)
            connection.execute(
                "UPDATE conversations SET owner = ?, status = ?, runs = runs + 1, error = NULL, "
                "in_flight = NULL, updated_at = ? WHERE id = ?",
                (owner, Status.RUNNING, now(), id),
            )
            return found

        before = await self._database.write(work)
        self._fences.hold(id, before.runs + 1)
        return before

    async def release(self, id: str, **changes: Any) -> None:
        """`update` that ends the claim: nobody drives it from now on. Raises `Overtaken`."""
        step = self._update_statement(id, {**changes, "owner": None})
        # Dropped before the writer has its turn: what comes after it is under no claim.
        fence = self._fences.of(id)
        self._fences.drop(id)
        await self._database.write(partial(execute_fenced, fence, [step]))

    async def stop(self, id: str, is_driven: Callable[[Conversation], bool]) -> bool:
        """Writes `stopped`, unless it has ended or somebody drives it. Raises `NotFound`."""

        def work(connection: Connection) -> bool:
            row = connection.execute(f"{_SELECT} WHERE id = ?{FOR_UPDATE}", (id,)).fetchone()
            if row is None:
                raise NotFound("there is no conversation with that id")
            found = _conversation(row)
            if not can_be_stopped(found, is_driven):
                return False
            connection.execute(
                "UPDATE conversations SET status = ?, end_reason = ?, owner = NULL, "
                "updated_at = ? WHERE id = ?",
                (Status.STOPPED, EndReason.STOPPED, now(), id),
            )
            return True

        return await self._database.write(work)

    async def update(self, id: str, **changes: Any) -> None:
        """Changes columns. Raises `Overtaken` where another process drives the conversation."""
        fence, step = self._fences.of(id), self._update_statement(id, changes)
        await self._database.write(partial(execute_fenced, fence, [step]))

    def update_later(self, id: str, **changes: Any) -> None:
        """`update` that waits for nothing; it is on disk with whatever is awaited next."""
        fence, step = self._fences.of(id), self._update_statement(id, changes)
        self._database.enqueue(partial(execute_fenced, fence, [step]))

    def _update_statement(self, id: str, changes: dict[str, Any]) -> tuple[str, list[list[Any]]]:
        packed = {name: _to_column(name, value) for name, value in changes.items()}
        packed["updated_at"] = now()
        sets = ", ".join(f"{name} = ?" for name in packed)
        return f"UPDATE conversations SET {sets} WHERE id = ?", [[*packed.values(), id]]

    async def list_owners(self) -> list[str | None]:
        """Who drives the conversations that are `running`."""
        rows = await self._database.read(
            "SELECT DISTINCT owner FROM conversations WHERE status = ?", (Status.RUNNING,)
        )
        return [row[0] for row in rows]

    async def list_resumable(self) -> list[tuple[str, int]]:
        """Ids and `deaths` of what the end of a process interrupted, newest first.

        What broke waits for somebody instead, and trials go on with their experiment.
        """
        rows = await self._database.read(
            "SELECT id, deaths FROM conversations WHERE status = ? AND error IS NULL "
            "AND experiment_id IS NULL ORDER BY seq DESC",
            (Status.INTERRUPTED,),
        )
        return [(id, deaths) for id, deaths in rows]

    async def interrupt_orphans(
        self,
        is_alive: Callable[[str], bool],
        describe: DescribeCrashes = no_description,
    ) -> list[Conversation]:
        """Conversations left `running` by an owner that is dead; they are `interrupted` now.

        Each has one more of `crashes` and of `deaths`; what `describe` makes of these is its error.
        """

        def work(connection: Connection) -> list[Conversation]:
            sql = f"{_SELECT} WHERE status = ?{FOR_UPDATE_UNLOCKED}"
            rows = connection.execute(sql, (Status.RUNNING,)).fetchall()
            found = self._readable(rows)
            left = [row for row in found if is_orphan(row, is_alive)]
            connection.executemany(
                "UPDATE conversations SET status = ?, owner = NULL, crashes = crashes + 1, "
                "deaths = deaths + 1, error = ?, updated_at = ? WHERE id = ?",
                [
                    (
                        Status.INTERRUPTED,
                        _to_column("error", describe(row.crashes + 1, row.deaths + 1)),
                        now(),
                        row.id,
                    )
                    for row in left
                ],
            )
            return left

        return await self._database.write(work)

    async def delete(self, id: str) -> None:
        """Everything of it is gone, its checkpoints and keys too."""

        await self._database.write(partial(_delete, id, self._database))
        self._forget(id)

    def _forget(self, id: str) -> None:
        self._fences.drop(id)
        self.damaged.pop(id, None)
        self._database.erase_soon()

    async def read_last_look(self) -> str | None:
        ((at,),) = await self._database.read(_LAST_LOOK)
        return None if at is None else str(at)

    async def store_last_look(self, at: str) -> None:
        await self._database.execute_many(STORE_META, [("last look", at)])

    async def list_expired(self, before: str, now: str, limit: int) -> list[str]:
        wanted = {"before": before, "now": now, "limit": limit}
        return [id for (id,) in await self._database.read(_EXPIRED, wanted)]

    async def expire(self, id: str, before: str) -> Conversation | None:
        def work(connection: Connection) -> Conversation | None:
            sql = f"{_SELECT} c WHERE c.id = :id AND {_IS_OLD}{FOR_UPDATE}"
            row = connection.execute(sql, {"id": id, "before": before}).fetchone()
            found = _conversation(row) if row else None
            if found:
                _delete(id, self._database, connection)
            return found

        found = await self._database.write(work)
        if found:
            self._forget(id)
        return found

    async def count_by_status(self) -> dict[str, int]:
        """How many conversations stand how."""
        rows = await self._database.read("SELECT status, count(*) FROM conversations GROUP BY 1")
        return dict(rows)


def _id_for_key(connection: Connection, key: str, body: str) -> str | None:
    row = connection.execute(
        "SELECT body, conversation_id FROM idempotency WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    check_key(row[0], body)
    return str(row[1])


def _delete(id: str, database: Database, connection: Connection) -> None:
    sql = "SELECT experiment_id FROM conversations WHERE id = ? AND experiment_id IS NOT NULL"
    experiment = connection.execute(sql, (id,)).fetchone()
    for table, column in (
        ("conversations", "id"),
        ("idempotency", "conversation_id"),
        *((table, "thread_id") for table in database.checkpoint_tables),
    ):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (id,))
    connection.execute("UPDATE conversations SET parent_id = NULL WHERE parent_id = ?", (id,))
    forget_conversation(connection, id)
    if experiment is not None:
        forget_replay(connection, experiment[0], id)
    database.note_deletion(connection, id)


def _insert(connection: Connection, row: Conversation) -> None:
    values = {name: _to_column(name, getattr(row, name)) for name in _COLUMNS}
    sql = "SELECT coalesce(max(seq), 0) FROM conversations WHERE seq < ?"
    (last,) = connection.execute(sql, (_LAST_SEQ,)).fetchone()
    values["seq"] = last + 1
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"INSERT INTO conversations ({', '.join(values)}) VALUES ({marks})",
        list(values.values()),
    )


def _to_column(name: str, value: Any) -> Any:
    if name in _JSON and value is not None:
        return json.dumps(value, ensure_ascii=False)
    return value

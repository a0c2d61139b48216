"""Experiments, in the same file as the conversations that are their trials."""

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import Busy, Conflict, NotFound
from core.message import now
from graph.storage.decisions import check_key
from graph.storage.experiment_rows import ExperimentRow, TrialRow
from graph.storage.sql.packing import pack, unpack
from graph.storage.sql.statements import FOR_UPDATE, Connection, Database
from graph.storage.sql.trials import insert_trials, raise_revision

_COLUMNS = list(ExperimentRow.__dataclass_fields__)
_SELECT = f"SELECT {', '.join(_COLUMNS)}, seq FROM experiments"


class Experiments:
    """Reads and writes experiments; each change is one transaction and raises the `revision`,
    which only grows: whoever knows one can ask for what came after it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        row: ExperimentRow,
        trials: Sequence[TrialRow],
        key: str | None = None,
        body: str = "",
    ) -> str:
        """Stores an experiment with all its trials, before anything runs; gives its id.

        With a known `key`, nothing is stored and it is the id that the key stands for. Raises
        `KeyReused` where the key came with another body.
        """

        def work(connection: Connection) -> str:
            known = _id_for_key(connection, key, body) if key is not None else None
            if known is not None:
                return known
            _insert(connection, row, trials)
            if key is not None:
                values = (key, body, row.id)
                connection.execute("INSERT INTO experiment_keys VALUES (?, ?, ?)", values)
            return row.id

        return await self._database.write(work)

    async def get(self, id: str) -> ExperimentRow:
        """Raises `NotFound`."""
        rows = await self._database.read(f"{_SELECT} WHERE id = ?", (id,))
        if not rows:
            raise NotFound("there is no experiment with that id")
        return _experiment(rows[0])

    async def find(
        self, text: str, suite: str | None = None, clients: Sequence[str] | None = None
    ) -> ExperimentRow:
        """The one with that id or beginning of an id, else the newest with that name.

        Of `clients` alone where they are given; "" stands for those that belong to nobody.
        Raises `NotFound`, and `Conflict` where the beginning fits several.
        """
        theirs, owners = _among(clients)
        rows = await self._database.read(
            f"{_SELECT} WHERE id IN (SELECT id FROM experiments WHERE id = ? "
            f"OR substr(id, 1, ?) = ?){theirs}",
            (text, len(text), text if len(text) >= 4 else None, *owners),
        )
        if len(rows) > 1:
            raise Conflict(f"several experiments begin with {text}; give more of the id")
        where, values = "name = ?", [text]
        if suite is not None:
            where, values = "name = ? AND suite = ?", [text, suite]
        rows = rows or await self._database.read(
            f"{_SELECT} WHERE {where}{theirs} ORDER BY seq DESC LIMIT 1", [*values, *owners]
        )
        if not rows:
            raise NotFound(f"there is no experiment {text!r}")
        return _experiment(rows[0])

    async def find_last_good(
        self, suite: str, clients: Sequence[str] | None = None
    ) -> ExperimentRow | None:
        """The suite's newest completed one that ended with 0; of `clients` alone, as in `find`."""
        theirs, owners = _among(clients)
        rows = await self._database.read(
            f"{_SELECT} WHERE suite = ? AND status = 'completed' AND exit_code = 0{theirs} "
            "ORDER BY seq DESC LIMIT 1",
            (suite, *owners),
        )
        return _experiment(rows[0]) if rows else None

    async def list_page(
        self, limit: int, before: int | None = None, **filters: str | None
    ) -> tuple[list[ExperimentRow], int | None]:
        """Newest first, with an empty plan, and the cursor of the next page if there is one.

        A filter "" means those that have none.
        """
        wanted = {name: value for name, value in filters.items() if value is not None}
        clauses = [f"coalesce({name}, '') = ?" for name in wanted]
        values: list[Any] = [*wanted.values()]
        if before is not None:
            clauses.append("seq < ?")
            values.append(before)
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        select = _SELECT.replace(" plan,", " '{}' AS plan,")
        rows = await self._database.read(
            f"{select}{where} ORDER BY seq DESC LIMIT ?", [*values, limit + 1]
        )
        more = rows[limit - 1][-1] if len(rows) > limit else None
        return [_experiment(row) for row in rows[:limit]], more

    async def claim(
        self, id: str, owner: str, is_alive: Callable[[str], bool], *, takeover: bool = False
    ) -> ExperimentRow:
        """Makes `owner` the one that runs it; the row as it is from now on.

        Raises `NotFound`, and `Busy` where a living process runs it. With `takeover` only where a
        process died at it: else `Conflict`.
        """

        def work(connection: Connection) -> ExperimentRow:
            found = _find(connection, id)
            if found.status == "running" and found.owner and is_alive(found.owner):
                raise Busy("the experiment is running already", experiment_id=id)
            if takeover and found.status != "running":
                raise Conflict("somebody did something else with it meanwhile")
            connection.execute(
                "UPDATE experiments SET owner = ?, status = 'running', reason = NULL, "
                "wanted = NULL, ended_at = NULL, exit_code = NULL, revision = revision + 1, "
                "takeovers = CASE ? WHEN 1 THEN takeovers + 1 ELSE 0 END, "
                "started_at = coalesce(started_at, ?) WHERE id = ?",
                (owner, int(takeover), now(), id),
            )
            return _find(connection, id)

        return await self._database.write(work)

    async def update(self, id: str, **changes: Any) -> int:
        """Changes columns; gives the revision."""

        def work(connection: Connection) -> int:
            revision = raise_revision(connection, id)
            if changes:
                sets = ", ".join(f"{name} = ?" for name in changes)
                values = [pack(name, value) for name, value in changes.items()]
                connection.execute(f"UPDATE experiments SET {sets} WHERE id = ?", [*values, id])
            return revision

        return await self._database.write(work)

    async def read_figures(self, id: str, stamp: str) -> str | None:
        """What `keep_figures` stored under that stamp; None where it is out of date."""
        rows = await self._database.read(
            "SELECT body FROM figures WHERE experiment_id = ? AND stamp = ?", (id, stamp)
        )
        return str(rows[0][0]) if rows else None

    async def keep_figures(self, id: str, stamp: str, body: str) -> None:
        """Stores what was worked out, in the place of what was stored before."""
        await self._database.execute_many(
            "INSERT INTO figures SELECT id, ?, ? FROM experiments WHERE id = ? ON CONFLICT "
            "(experiment_id) DO UPDATE SET stamp = excluded.stamp, body = excluded.body",
            [(stamp, body, id)],
        )

    async def list_orphans(self, is_alive: Callable[[str], bool]) -> list[ExperimentRow]:
        """Experiments that a dead process left running."""
        rows = await self._database.read(f"{_SELECT} WHERE status = 'running' ORDER BY seq")
        found = map(_experiment, rows)
        return [row for row in found if not (row.owner and is_alive(row.owner))]

    async def delete(self, id: str) -> None:
        """The experiment, its trials, verdicts and labels; its conversations are the caller's."""

        def work(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM labels WHERE conversation_id IN "
                "(SELECT conversation_id FROM trials WHERE experiment_id = ?)",
                (id,),
            )
            for table, column in (
                ("verdicts", "experiment_id"),
                ("figures", "experiment_id"),
                ("experiment_keys", "experiment_id"),
                ("trials", "experiment_id"),
                ("experiments", "id"),
            ):
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (id,))
            self._database.note_deletion(connection, id)

        await self._database.write(work)
        self._database.erase_soon()


def _among(clients: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    """A condition on whose they are, to be added to another, and its values."""
    if clients is None:
        return "", ()
    return f" AND coalesce(client_id, '') IN ({', '.join('?' * len(clients))})", clients


def _experiment(row: Sequence[Any]) -> ExperimentRow:
    return ExperimentRow(**unpack(_COLUMNS, row))


def _find(connection: Connection, id: str) -> ExperimentRow:
    row = connection.execute(f"{_SELECT} WHERE id = ?{FOR_UPDATE}", (id,)).fetchone()
    if row is None:
        raise NotFound("there is no experiment with that id")
    return _experiment(row)


def _insert(connection: Connection, row: ExperimentRow, trials: Sequence[TrialRow]) -> None:
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM experiments").fetchone()
    values = {name: pack(name, getattr(row, name)) for name in _COLUMNS} | {"seq": last + 1}
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"INSERT INTO experiments ({', '.join(values)}) VALUES ({marks})", list(values.values())
    )
    insert_trials(connection, row.id, trials)


def _id_for_key(connection: Connection, key: str, body: str) -> str | None:
    row = connection.execute(
        "SELECT body, experiment_id FROM experiment_keys WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    check_key(row[0], body)
    return str(row[1])

"""The trials of experiments and their verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from core.errors import Conflict, NotFound
from core.message import now
from graph.storage.experiment_rows import TrialRow, VerdictRow
from graph.storage.sql.packing import pack
from graph.storage.sql.statements import FOR_UPDATE, Connection, Database

ALL = 2**53
_TRIAL = list(TrialRow.__dataclass_fields__)
_TRIALS = f"SELECT {', '.join(_TRIAL)} FROM trials WHERE experiment_id = ?"
_ADD_TRIAL = f"""INSERT INTO trials (experiment_id, {", ".join(_TRIAL)})
    VALUES (?{", ?" * len(_TRIAL)})"""
_ADD_VERDICT = "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_STATUSES = """SELECT trial, id, kind, status, must FROM verdicts
    WHERE experiment_id = ? ORDER BY trial, place"""
_BLANK = """UPDATE trials SET status = 'pending',
    attempt = attempt + CASE WHEN conversation_id IS NULL THEN 0 ELSE 1 END,
    outcome = NULL, conversation_id = NULL, end_reason = NULL, turns = 0, started_at = NULL,
    ended_at = NULL, seconds = NULL, broken = NULL, skipped = NULL, latencies = NULL,
    spending = NULL, revision = ? WHERE experiment_id = ? AND number = ?"""

StatusRow = tuple[str, str, str, bool]
"""Id, kind, status and `must` of a verdict."""


class Trials:
    """Reads and writes trials; each change is one transaction and raises the revision of the
    experiment, which the trial takes over. What may be ten thousand rows is made of them in the
    thread that reads, so that streams go on meanwhile.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def select(
        self,
        id: str,
        *,
        outcome: str | None = None,
        status: str | None = None,
        scenario: str | None = None,
        bot: str | None = None,
        after: int | None = None,
        since: int | None = None,
        limit: int = ALL,
    ) -> list[TrialRow]:
        """In the order of their numbers from behind `after`; with `since`, those that changed
        after that revision, in the order of the changes.
        """
        wanted = {"outcome = ?": outcome, "status = ?": status, "number > ?": after}
        wanted |= {"scenario = ?": scenario, "bot = ?": bot, "revision > ?": since}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = "".join(f" AND {clause}" for clause in given)
        order = "number" if since is None else "revision, number"
        statement, values = f"{_TRIALS}{where} ORDER BY {order} LIMIT ?", [*given.values(), limit]

        def work(connection: Connection) -> list[TrialRow]:
            return list(map(_trial, connection.execute(statement, [id, *values]).fetchall()))

        return await self._database.run_read(work)

    async def find_by_conversation(self, conversation_id: str) -> tuple[str, TrialRow] | None:
        """The experiment and trial that a conversation is, if it is one."""
        rows = await self._database.read(
            f"SELECT experiment_id, {', '.join(_TRIAL)} FROM trials WHERE conversation_id = ?",
            (conversation_id,),
        )
        return (rows[0][0], _trial(rows[0][1:])) if rows else None

    async def counts(self, id: str) -> dict[str, int]:
        """How many trials have which outcome; those without one are `running` or `pending`."""
        return (await self.counts_of([id]))[id]

    async def counts_of(self, ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """The same of several experiments, with one question."""
        if not ids:
            return {}
        rows = await self._database.read(
            "SELECT experiment_id, coalesce(outcome, status), count(*) FROM trials "
            f"WHERE experiment_id IN ({', '.join('?' * len(ids))}) GROUP BY 1, 2",
            ids,
        )
        found: dict[str, dict[str, int]] = {id: {} for id in ids}
        for id, outcome, count in rows:
            found[id][outcome] = count
        return found

    async def begin(self, id: str, number: int, conversation_id: str) -> None:
        """Its conversation is there, and about to start."""
        await self.change(
            id, number, status="running", conversation_id=conversation_id, started_at=now()
        )

    async def change(
        self,
        id: str,
        number: int,
        verdicts: Sequence[VerdictRow] | None = None,
        *,
        owner: str | None = None,
        **columns: Any,
    ) -> int:
        """Changes a trial, with its verdicts where they are given; gives the revision.

        Raises `Conflict` where the experiment is no longer `owner`'s.
        """

        def work(connection: Connection) -> int:
            if owner is not None and _find_owner(connection, id) != owner:
                raise Conflict("another process runs the experiment now")
            revision = raise_revision(connection, id)
            write_trial(connection, id, number, {**columns, "revision": revision})
            if verdicts is not None:
                _write_verdicts(connection, id, number, verdicts)
            return revision

        return await self._database.write(work)

    async def skip(self, id: str, numbers: Iterable[int], reason: str) -> None:
        """They do not run; those that have ended meanwhile stay as they are."""

        def work(connection: Connection) -> None:
            revision = raise_revision(connection, id)
            connection.executemany(
                "UPDATE trials SET status = 'finished', outcome = 'skipped', skipped = ?, "
                "ended_at = ?, revision = ? "
                "WHERE experiment_id = ? AND number = ? AND status <> 'finished'",
                [(reason, now(), revision, id, number) for number in numbers],
            )

        await self._database.write(work)

    async def reset(self, id: str, numbers: Sequence[int]) -> None:
        """They are pending again, without verdicts; the conversation will be another."""

        def work(connection: Connection) -> None:
            revision = raise_revision(connection, id)
            connection.executemany(_BLANK, [(revision, id, number) for number in numbers])
            connection.executemany(
                "DELETE FROM verdicts WHERE experiment_id = ? AND trial = ?",
                [(id, number) for number in numbers],
            )

        await self._database.write(work)

    async def reopen(self, id: str, numbers: Sequence[int]) -> None:
        """They are to be assessed again: their conversations stay, their verdicts until then."""

        def work(connection: Connection) -> None:
            revision = raise_revision(connection, id)
            connection.executemany(
                "UPDATE trials SET status = 'running', outcome = NULL, revision = ? "
                "WHERE experiment_id = ? AND number = ?",
                [(revision, id, number) for number in numbers],
            )

        await self._database.write(work)

    async def add(
        self, id: str, trials: Sequence[TrialRow], plan: Mapping[str, Any] | None = None
    ) -> None:
        """More trials for an experiment, which may have another plan from now on."""

        def work(connection: Connection) -> None:
            revision = raise_revision(connection, id)
            insert_trials(connection, id, trials)
            connection.execute(
                "UPDATE trials SET revision = ? WHERE experiment_id = ? AND revision = 0 "
                "AND number >= ?",
                (revision, id, min((trial.number for trial in trials), default=0)),
            )
            connection.execute(
                "UPDATE experiments SET total = total + ? WHERE id = ?", (len(trials), id)
            )
            if plan is not None:
                connection.execute(
                    "UPDATE experiments SET plan = ? WHERE id = ?", (pack("plan", plan), id)
                )

        await self._database.write(work)

    async def verdicts(
        self, id: str, first: int | None = None, last: int | None = None
    ) -> dict[int, list[VerdictRow]]:
        """The verdicts by trial, of all or of the numbers `first` to `last` (else of `first`
        alone), each trial's in the order in which they were asked.
        """
        some = " AND trial BETWEEN ? AND ?" if first is not None else ""
        bounds = [first, first if last is None else last] if first is not None else []
        statement = (
            "SELECT trial, id, kind, status, must, body FROM verdicts "
            f"WHERE experiment_id = ?{some} ORDER BY trial, place"
        )

        def work(connection: Connection) -> dict[int, list[VerdictRow]]:
            found: dict[int, list[VerdictRow]] = {}
            rows = connection.execute(statement, [id, *bounds]).fetchall()
            for trial, verdict, kind, status, must, body in rows:
                row = VerdictRow(verdict, kind, status, bool(must), body)
                found.setdefault(trial, []).append(row)
            return found

        return await self._database.run_read(work)

    async def verdict_statuses(self, id: str) -> dict[int, list[StatusRow]]:
        """Id, kind, status and `must` of each verdict by trial: all that figures need."""

        def work(connection: Connection) -> dict[int, list[StatusRow]]:
            found: dict[int, list[StatusRow]] = {}
            rows = connection.execute(_STATUSES, (id,)).fetchall()
            for trial, verdict, kind, status, must in rows:
                found.setdefault(trial, []).append((verdict, kind, status, bool(must)))
            return found

        return await self._database.run_read(work)


def insert_trials(connection: Connection, id: str, trials: Sequence[TrialRow]) -> None:
    """Stores new trials of an experiment."""
    connection.executemany(_ADD_TRIAL, [_trial_values(id, trial) for trial in trials])


def raise_revision(connection: Connection, id: str) -> int:
    rows = connection.execute(
        "UPDATE experiments SET revision = revision + 1 WHERE id = ? RETURNING revision", (id,)
    ).fetchall()
    if not rows:
        raise NotFound("there is no experiment with that id")
    return int(rows[0][0])


def _trial(row: Sequence[Any]) -> TrialRow:
    """By place and not by name: there may be ten thousand of them."""
    *plain, broken, skipped, latencies, spending = row
    values: list[Any] = [
        *plain,
        orjson.loads(broken) if broken else None,
        skipped,
        orjson.loads(latencies) if latencies else [],
        orjson.loads(spending) if spending else {},
    ]
    return TrialRow(*values)


def _trial_values(id: str, trial: TrialRow) -> list[Any]:
    return [id, *(pack(name, getattr(trial, name)) for name in _TRIAL)]


def _find_owner(connection: Connection, id: str) -> str | None:
    row = connection.execute(
        f"SELECT owner FROM experiments WHERE id = ?{FOR_UPDATE}", (id,)
    ).fetchone()
    return row[0] if row else None


def write_trial(connection: Connection, id: str, number: int, columns: Mapping[str, Any]) -> None:
    sets = ", ".join(f"{name} = ?" for name in columns)
    values = [pack(name, value) for name, value in columns.items()]
    connection.execute(
        f"UPDATE trials SET {sets} WHERE experiment_id = ? AND number = ?", [*values, id, number]
    )


def _write_verdicts(
    connection: Connection, id: str, number: int, verdicts: Sequence[VerdictRow]
) -> None:
    connection.execute("DELETE FROM verdicts WHERE experiment_id = ? AND trial = ?", (id, number))
    connection.executemany(
        _ADD_VERDICT,
        [
            (id, number, place, one.id, one.kind, one.status, int(one.must), one.body)
            for place, one in enumerate(verdicts)
        ],
    )

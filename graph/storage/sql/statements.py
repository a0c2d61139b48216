"""What the catalogue, experiments and labels ask of a SQL database, SQLite as well as Postgres.

Statements are written in what both understand: `?` and `:name` for values, `ON CONFLICT` for what
may be there already. A row that is read to be changed is marked with `FOR_UPDATE`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from core.errors import Damaged

T = TypeVar("T")
Rows = Sequence[Sequence[Any]]
Values = Sequence[Any] | Mapping[str, Any]
Step = tuple[str, Rows]
"""A statement, and the rows that it is run for."""
FOR_UPDATE = " /*FOR UPDATE*/"
"""SQLite has one writer and needs no lock; Postgres locks the row until the transaction ends."""
FOR_UPDATE_UNLOCKED = " /*FOR UPDATE SKIP LOCKED*/"
"""Passes over rows that another transaction is changing just then."""

STORE_META = """INSERT INTO meta (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection inside a transaction; it may be used in the thread that handed it out alone."""

    def execute(self, sql: str, values: Values = (), /) -> Cursor: ...

    def executemany(self, sql: str, rows: Rows, /) -> object: ...


Work = Callable[[Connection], T]


class Database(Protocol):
    """The open database. Every call raises `StorageError` where the database does."""

    damaged: dict[str, str]
    """Conversations that could not be read, with the reason, by id."""
    checkpoint_tables: tuple[str, ...]
    """Tables with a `thread_id`."""

    async def write(self, work: Work[T]) -> T:
        """What `work` returns, once it and all that was queued before are on disk.

        `work` runs inside a transaction, and again in another where that failed. Being cancelled
        does not undo it. What it raises is raised here. It must not return a cursor.
        """
        ...

    async def execute_many(self, sql: str, rows: Rows) -> None:
        """`write` for rows of one statement."""

    def enqueue(self, work: Work[None]) -> None:
        """Queues `work`; it is on disk no later than whatever is awaited next."""

    async def flush(self) -> None:
        """Returns once everything queued so far is on disk. Raises what a queued row met."""

    async def read(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        ...

    async def run_read(self, work: Work[T]) -> T:
        """What `work` finds with a connection that only reads."""
        ...

    async def probe(self) -> None:
        """Raises `StorageError` where writing failed lately and still fails."""

    def erase_soon(self) -> None:
        """What was deleted is overwritten too, in a few seconds, where the database keeps it."""

    def note_deletion(self, connection: Connection, id: str) -> None:
        """Called in the transaction that deletes everything of `id`, before `erase_soon`."""

    def report_damage(self, error: Damaged) -> None:
        """Remembers the conversation that is damaged, and logs it once."""


def execute_steps(steps: Sequence[Step], connection: Connection) -> None:
    # Gives no cursor away: freed in another thread, it resets the statement that the writer may
    # be running again just then ("bad parameter or other API misuse").
    for sql, rows in steps:
        connection.executemany(sql, rows)


def execute_fenced(
    fence: Callable[[Connection], None], steps: Sequence[Step], connection: Connection
) -> None:
    """`execute_steps`, unless `fence` raises."""
    fence(connection)
    execute_steps(steps, connection)

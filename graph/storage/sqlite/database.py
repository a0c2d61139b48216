"""One SQLite file: a single writer thread with group commit, and readers beside it.

Everything that is written goes through one queue, in order. What waits together is committed
together, so a commit is paid once for many conversations; and its waiters are
answered only after that.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from core.errors import Damaged, Overtaken, StorageError, StorageFull
from core.failures import Catch
from graph.storage.migrations import Migration
from graph.storage.sql.statements import Connection, Rows, Values, execute_steps
from graph.storage.sqlite.erasing import AGAIN_S, Eraser, note_deletion
from graph.storage.sqlite.handles import Handle, hold_handle, release_handle
from graph.storage.sqlite.migrate import migrate

T = TypeVar("T")
ERASE_AFTER_S = 1.0
BUSY_TIMEOUT_S = 15.0
GROUP = 500
PROBE_BYTES = 65_536
_PROBE = "INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))"
log = logging.getLogger("duologue.storage")
CACHE_KB = 512


@dataclass(slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any] | None"


@dataclass(frozen=True, slots=True)
class _Failure:
    """The result of a job that failed."""

    error: Exception


class Database:
    """The file at `path`. Raises `StorageError` where SQLite does."""

    checkpoint_tables: tuple[str, ...] = ("checkpoints", "writes")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="duologue-read")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self.last_failure: StorageError | None = None
        """Why the last write failed, until one succeeds; after a full disk, until a probe does."""
        self.damaged: dict[str, str] = {}
        """Conversations that could not be read, with the reason, by id."""
        self._failed: Exception | None = None
        self._closed = False
        self._file = (0, 0)
        self._erase_at: float | None = None
        self._handle: Handle | None = None

    async def open(self, migrations: tuple[Migration, ...] | None = None) -> None:
        """Creates the file, brings it to the version of this program, and starts the writer.

        Raises `NewerDatabase` for a file that a newer program wrote.
        """
        try:
            await asyncio.to_thread(prepare_file, self.path, migrations)
            writing = await asyncio.to_thread(connect, self.path)
            self._file = _inode(self.path)
            self._handle = hold_handle(self.path)
        except (sqlite3.Error, OSError) as error:
            raise storage_error(error, self.path) from error
        self._eraser = Eraser(self._handle)
        # Connected by now: a writer that died of that would let all who write wait for ever.
        self._writer = threading.Thread(
            target=self._write, args=(writing,), name="duologue-write", daemon=True
        )
        self.erase_soon()  # a process that died may have deleted something just before
        self._writer.start()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._reading:
            connection.close()
        self._jobs.put(None)  # the writer goes last: then SQLite folds the log into the file
        await asyncio.to_thread(self._writer.join)
        if self._handle is not None:
            release_handle(self._handle)

    def enqueue(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Queues `work`; it is on disk no later than whatever is awaited next."""
        self._jobs.put(_Job(work, None))

    def erase_soon(self) -> None:
        """What was deleted is gone from the log and from the pages too, in a few seconds."""
        if self._erase_at is None:
            self._erase_at = time.monotonic() + ERASE_AFTER_S
            self._jobs.put(_Job(_do_nothing, None))  # wakes a writer that waits without end

    def note_deletion(self, connection: Connection, id: str) -> None:
        note_deletion(connection, id)

    def report_damage(self, error: Damaged) -> None:
        """Remembers the conversation that is damaged, and logs it once."""
        id = error.facts["id"]
        if id not in self.damaged:
            self.damaged[id] = error.message
            facts = {"conversation_id": id, "why": error.message}
            log.error("conversation damaged: %s", id, extra=facts)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, once it and all that was queued before are on disk.

        `work` runs inside the writer's transaction. Being cancelled does not undo it. What it
        raises is raised here, errors of SQLite as `StorageError`. It must not return a cursor.
        """
        if self._closed:
            raise StorageError("the database is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def execute_many(self, sql: str, rows: Rows) -> None:
        """`write` for rows of one statement."""
        await self.write(partial(execute_steps, [(sql, rows)]))

    async def flush(self) -> None:
        """Returns once everything queued so far is on disk. Raises what a queued row met."""
        await self.write(lambda _connection: None)
        if self._failed:
            failed, self._failed = self._failed, None
            raise failed

    async def probe(self) -> None:
        """Raises `StorageError` where writing failed lately and still fails."""
        if self.last_failure:
            # As much as a conversation may need: less may find room that is of no use.
            await self.execute_many(_PROBE, [(PROBE_BYTES,)])
            await self.execute_many("DELETE FROM meta WHERE name = 'probe'", [()])
            self.last_failure = None

    async def read(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, read beside the writer."""
        return await self.run_read(lambda connection: list(connection.execute(sql, values)))

    async def run_read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` finds with a connection that only reads: one way to a thread and back."""
        if self._closed:
            raise StorageError("the database is closed")
        try:
            return await self._loop.run_in_executor(self._readers, self._read_in_thread, work)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise storage_error(error, self.path) from error

    def _read_in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._require_same_file()  # before it is opened: SQLite would make a new one
        if not hasattr(self._local, "connection"):
            connection = connect(self.path)
            self._reading.append(connection)
            self._require_same_file()
            self._local.connection = connection
        return work(self._local.connection)

    def _write(self, connection: sqlite3.Connection) -> None:
        while True:
            jobs = self._next_batch(connection)
            stop = jobs[-1] is None
            batch = [job for job in jobs if job is not None]
            if batch:
                self._report(batch, self._commit(connection, batch))
            if stop:
                connection.close()
                return

    def _next_job(self, connection: sqlite3.Connection) -> _Job | None:
        """The next job; while nothing is to be done, what was deleted is erased."""
        while self._erase_at is not None:
            wait = self._erase_at - time.monotonic()
            if wait <= 0:
                wait_again = self._erase(connection)
                self._erase_at = None if wait_again is None else time.monotonic() + wait_again
                continue
            with suppress(queue.Empty):
                return self._jobs.get(timeout=wait)
        return self._jobs.get()

    def _erase(self, connection: sqlite3.Connection) -> float | None:
        try:
            return self._eraser.work(connection)
        except sqlite3.Error as error:
            self.last_failure = storage_error(error, self.path)
            return AGAIN_S

    def _next_batch(self, connection: sqlite3.Connection) -> list[_Job | None]:
        jobs = [self._next_job(connection)]
        try:
            while jobs[-1] is not None and len(jobs) < GROUP:
                jobs.append(self._jobs.get_nowait())
        except queue.Empty:
            pass
        return jobs

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> list[Any]:
        """One transaction; if it fails, one for each job, so that none harms another."""
        try:
            self._require_same_file()
            connection.execute("BEGIN IMMEDIATE")
        except StorageError as error:
            return [_Failure(error)] * len(batch)
        except sqlite3.Error as error:  # locked for too long: nobody waits that long once more
            return [_Failure(storage_error(error, self.path))] * len(batch)
        with Catch() as caught:  # the waiter gets it; the writer must live on
            return self._transaction(connection, batch)
        if len(batch) == 1 and caught.error:
            return [_Failure(self._as_storage_error(caught.error))]
        return [self._commit(connection, [job])[0] for job in batch]

    def _require_same_file(self) -> None:
        """Raises `StorageError` where the path leads to another file than the one that is open."""
        if _inode(self.path) != self._file:
            raise StorageError(
                f"the database {self.path.name} was deleted or replaced while it was open: put it "
                "back, or restart on what is there now"
            )

    def _as_storage_error(self, error: Exception) -> Exception:
        return storage_error(error, self.path) if isinstance(error, sqlite3.Error) else error

    def _transaction(self, connection: sqlite3.Connection, batch: list[_Job]) -> list[Any]:
        try:
            results = [job.work(connection) for job in batch]
            connection.execute("COMMIT")
            return results
        finally:
            if connection.in_transaction:  # not committed: something was raised
                connection.execute("ROLLBACK")

    def _report(self, batch: list[_Job], results: list[Any]) -> None:
        broke = [r.error for r in results if isinstance(r, _Failure)]
        ours = (Overtaken, Damaged)  # one conversation's trouble, not the database's
        found = [e for e in broke if isinstance(e, StorageError) and not isinstance(e, ours)]
        # A small write may find room on a full disk: only a probe tells that there is enough.
        if found or not isinstance(self.last_failure, StorageFull):
            self.last_failure = found[-1] if found else None
        for job, result in zip(batch, results, strict=True):
            if job.future is None and isinstance(result, _Failure):
                self._failed = result.error
        waiting = [(job.future, r) for job, r in zip(batch, results, strict=True) if job.future]
        if waiting:
            self._loop.call_soon_threadsafe(_resolve_futures, waiting)


def connect(path: Path) -> sqlite3.Connection:
    """A connection as all of ours are: no transaction by itself, and durable."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    with ExitStack() as undo:
        undo.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # What is deleted is overwritten; not every build of SQLite does so by itself.
        connection.execute("PRAGMA secure_delete=ON")
        # The system keeps the file's pages already; each connection need not keep 2 MB of them.
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        connection.text_factory = _decode
        undo.pop_all()
    return connection


def _decode(raw: bytes) -> str:
    """Bytes that are no text fail the row that they stand in, not the whole query."""
    return raw.decode("utf-8", "surrogateescape")


def prepare_file(path: Path, migrations: tuple[Migration, ...] | None = None) -> None:
    """Creates the file and its folders, and migrates an older one.

    Raises `NewerDatabase` and `StorageError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_one_name(path)
        with closing(connect(path)) as connection:
            migrate(connection, path.name, migrations)
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error, path) from error


def _require_one_name(path: Path) -> None:
    """Raises `StorageError` for a file with hard links.

    SQLite keeps its log beside the name by which a file was opened, so what is written by two names
    is lost.
    """
    if path.exists() and (names := path.stat().st_nlink) > 1:
        raise StorageError(
            f"the database {path.name} has {names} names (hard links), and what is written by one "
            "of them is lost to the others: remove the others, or copy the file"
        )


def _do_nothing(_connection: sqlite3.Connection) -> None:
    pass


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, -1)
    return found.st_dev, found.st_ino


def _resolve_futures(waiting: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, result in waiting:
        if future.done():
            continue
        if isinstance(result, _Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)


def storage_error(error: Exception, path: Path) -> StorageError:
    """What SQLite or the system said, as ours."""
    code = getattr(error, "sqlite_errorname", "") or ""
    full = code.startswith("SQLITE_FULL") or "disk is full" in str(error)
    kind = StorageFull if full or getattr(error, "errno", None) == 28 else StorageError
    hint = "the disk is full" if kind is StorageFull else f"the database {path.name} failed"
    return kind(f"{hint}: {error}")

"""One Postgres database: a writer with group commit on a connection of its own, and readers.

As with SQLite, everything that this process writes goes through one queue, in order, and what waits
together is committed together. Other processes write at the same time; rows that are read to be
changed are locked.
"""

import asyncio
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import psycopg

from core.errors import Damaged, Overtaken, StorageError, StorageFull
from core.failures import Catch
from graph.storage.migrations import Migration
from graph.storage.postgres.connections import Raw, connect, describe_url, is_lost, storage_error
from graph.storage.postgres.migrate import prepare_database
from graph.storage.postgres.translate import PostgresConnection
from graph.storage.sql.statements import STORE_META, Connection, Rows, Values, execute_steps

T = TypeVar("T")
PATIENCE_S = 10.0
"""So long a lost connection is tried again before those who wait are told."""
RETRY_S = 0.1
TRIES = 5
"""Of a transaction that another process's came in the way of."""
GROUP = 500
READERS = 4
PROBE_BYTES = 65_536
_RETRYABLE = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
)
log = logging.getLogger("duologue.storage")


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], Any]
    future: "asyncio.Future[Any] | None"


@dataclass(frozen=True, slots=True)
class _Failure:
    """The result of a job that failed."""

    error: Exception


class _CommitLost(Exception):
    """The connection went away during a commit, which is known not to have happened."""


class PostgresDatabase:
    """The database at `url`. Raises `StorageError` where Postgres or the network does."""

    checkpoint_tables: tuple[str, ...] = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = describe_url(url)
        self.last_failure: StorageError | None = None
        self.damaged: dict[str, str] = {}
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="duologue-read")
        self._local = threading.local()
        self._reading: list[Raw] = []
        self._failed: Exception | None = None
        self._closed = False
        self._raw: Raw | None = None

    async def open(self, migrations: tuple[Migration, ...] | None = None) -> None:
        """Brings the database to the version of this program, and starts the writer.

        Raises `NewerDatabase` where a newer program wrote it.
        """
        await asyncio.to_thread(prepare_database, self.url, migrations)
        self._writer = threading.Thread(target=self._write, name="duologue-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._readers.shutdown)
        for raw in self._reading:
            raw.close()
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)

    def enqueue(self, work: Callable[[Connection], None]) -> None:
        self._jobs.put(_Job(work, None))

    def erase_soon(self) -> None:
        """Postgres's own VACUUM does it."""

    def note_deletion(self, connection: Connection, id: str) -> None:
        """Nothing is to be looked through."""

    def report_damage(self, error: Damaged) -> None:
        id = error.facts["id"]
        if id not in self.damaged:
            self.damaged[id] = error.message
            facts = {"conversation_id": id, "why": error.message}
            log.error("conversation damaged: %s", id, extra=facts)

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StorageError("the database is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def execute_many(self, sql: str, rows: Rows) -> None:
        await self.write(partial(execute_steps, [(sql, rows)]))

    async def flush(self) -> None:
        await self.write(lambda _connection: None)
        if self._failed:
            failed, self._failed = self._failed, None
            raise failed

    async def probe(self) -> None:
        if self.last_failure:
            await self.execute_many(STORE_META, [("probe", secrets.token_hex(PROBE_BYTES // 2))])
            await self.execute_many("DELETE FROM meta WHERE name = ?", [("probe",)])
            self.last_failure = None

    async def read(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return await self.run_read(lambda connection: connection.execute(sql, values).fetchall())

    async def run_read(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StorageError("the database is closed")
        try:
            return await self._loop.run_in_executor(self._readers, self._read_in_thread, work)
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise storage_error(error, self.name) from error

    def _read_in_thread(self, work: Callable[[Connection], T]) -> T:
        until = time.monotonic() + PATIENCE_S
        while True:
            raw: Raw | None = None
            try:
                raw = self._reader()
                return work(PostgresConnection(raw))
            except psycopg.OperationalError as error:
                if self._closed or not is_lost(error, raw) or time.monotonic() > until:
                    raise
            time.sleep(RETRY_S)

    def _reader(self) -> Raw:
        """This thread's connection."""
        raw: Raw | None = getattr(self._local, "raw", None)
        if raw is None or raw.closed:
            raw = connect(self.url, autocommit=True, read_only=True)
            self._reading = [one for one in self._reading if not one.closed] + [raw]
            self._local.raw = raw
        return raw

    def _write(self) -> None:
        while True:
            jobs = self._next_batch()
            batch = [job for job in jobs if job is not None]
            if batch:
                self._report(batch, self._commit(batch))
            if jobs[-1] is None:
                if self._raw is not None:
                    self._raw.close()
                return

    def _next_batch(self) -> list[_Job | None]:
        jobs = [self._jobs.get()]
        with suppress(queue.Empty):
            while jobs[-1] is not None and len(jobs) < GROUP:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _commit(self, batch: list[_Job]) -> list[Any]:
        """One transaction; if it fails, one for each job, so that none harms another."""
        until, tries = time.monotonic() + PATIENCE_S, 0
        while True:
            tries += 1
            with Catch() as caught:  # the waiter gets it; the writer must live on
                return self._transaction(batch)
            failure = cast(Exception, caught.error)
            if isinstance(failure, _CommitLost) or is_lost(failure, self._raw):
                if self._closed or time.monotonic() > until:
                    return [_Failure(storage_error(failure, self.name))] * len(batch)
                time.sleep(RETRY_S)
                continue
            if len(batch) > 1:
                return [self._commit([job])[0] for job in batch]
            if not isinstance(failure, _RETRYABLE) or tries >= TRIES:
                return [_Failure(self._as_storage_error(failure))]

    def _transaction(self, batch: list[_Job]) -> list[Any]:
        if self._raw is None or self._raw.closed:
            self._raw = None
            self._raw = connect(self.url)
        raw = self._raw
        connection = PostgresConnection(raw)
        number, results = None, list[Any]()
        try:
            results = [job.work(connection) for job in batch]
            found = raw.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone()
            number = found[0] if found else None
            raw.commit()
        except BaseException as error:
            with suppress(psycopg.Error):
                raw.rollback()
            if number is None or not (isinstance(error, Exception) and is_lost(error, raw)):
                raise
            self._require_committed(number, error)
        return results

    def _require_committed(self, number: str, error: Exception) -> None:
        """After a connection was lost in a commit. Raises `_CommitLost` if that did not happen."""
        until = time.monotonic() + PATIENCE_S
        while True:
            with suppress(psycopg.OperationalError):
                self._raw = connect(self.url)
                found = self._raw.execute("SELECT pg_xact_status(%s::xid8)", [number]).fetchone()
                self._raw.rollback()
                if found == ("committed",):
                    return
                if found == ("aborted",):
                    raise _CommitLost(str(error)) from error
            if self._closed or time.monotonic() > until:
                raise error
            time.sleep(RETRY_S)

    def _as_storage_error(self, error: Exception) -> Exception:
        ours = isinstance(error, psycopg.Error | UnicodeEncodeError)
        return storage_error(error, self.name) if ours else error

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


def _resolve_futures(waiting: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, result in waiting:
        if future.done():
            continue
        if isinstance(result, _Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)

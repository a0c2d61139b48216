"""One writer, in order, committed together; a failing write harms no other."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from core.errors import NotFound, StorageError, StorageFull
from graph.storage.migrations import Migration
from graph.storage.sqlite import database as module
from graph.storage.sqlite.database import Database, execute_steps

SAID = Migration(1, "0001_said", "CREATE TABLE said (at INTEGER PRIMARY KEY, text TEXT NOT NULL);")
ADD = "INSERT INTO said (text) VALUES (?)"


@pytest.fixture
async def database(tmp_database: Path) -> AsyncIterator[Database]:
    database = Database(tmp_database)
    await database.open((SAID,))
    yield database
    await database.close()


@pytest.fixture
def no_database(tmp_database: Path) -> Path:
    tmp_database.write_bytes(b"this is no database, but long enough to look at it" * 20)
    return tmp_database


async def texts(database: Database) -> list[str]:
    return [text for (text,) in await database.read("SELECT text FROM said ORDER BY at")]


def add(text: str) -> object:
    return lambda connection: connection.execute(ADD, (text,)).lastrowid


def commits(connection: sqlite3.Connection) -> list[str]:
    """The statements that the writer runs from now on."""
    ran: list[str] = []
    connection.set_trace_callback(ran.append)
    return ran


async def test_what_is_written_is_there_for_any_other_connection(database: Database) -> None:
    assert await database.write(add("một")) == 1
    with contextlib.closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT text FROM said").fetchall() == [("một",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_writes_keep_their_order(database: Database) -> None:
    wanted = [str(n) for n in range(300)]
    writes = []
    for text in wanted:
        if int(text) % 3:
            database.enqueue(partial(execute_steps, [(ADD, [(text,)])]))
        else:
            writes.append(asyncio.ensure_future(database.write(add(text))))
            await asyncio.sleep(0)
    await asyncio.gather(*writes)
    await database.flush()
    assert await texts(database) == wanted


async def test_what_waits_together_is_committed_together(database: Database) -> None:
    ran = await database.write(commits)
    held = threading.Event()
    gate = asyncio.ensure_future(database.write(lambda _: held.wait(60)))
    await asyncio.sleep(0.01)
    writes = [asyncio.ensure_future(database.write(add(str(n)))) for n in range(200)]
    await asyncio.sleep(0)
    ran.clear()
    held.set()
    await asyncio.gather(gate, *writes)
    assert 1 <= ran.count("COMMIT") <= 3
    assert len(await texts(database)) == 200


@pytest.mark.parametrize(
    "error", [NotFound("no"), ValueError("no"), KeyError("no"), sqlite3.IntegrityError("no")]
)
async def test_a_failing_job_harms_no_other_and_is_told_its_error(
    database: Database, error: Exception
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute(ADD, ("half",))
        raise error

    jobs = [database.write(add("a")), database.write(fails), database.write(add("b"))]
    async with asyncio.timeout(20):
        first, broken, last = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(broken, StorageError if isinstance(error, sqlite3.Error) else type(error))
    assert (first, last) == (1, 2)
    assert await texts(database) == ["a", "b"]


async def test_text_that_sqlite_cannot_hold_ends_no_writer(database: Database) -> None:
    with pytest.raises(UnicodeEncodeError):
        await database.write(add("\ud800"))
    database.enqueue(partial(execute_steps, [(ADD, [("\ud800",)])]))
    async with asyncio.timeout(20):
        assert await database.write(add("sau")) == 1


async def test_a_queued_row_that_fails_is_told_to_who_flushes(database: Database) -> None:
    database.enqueue(partial(execute_steps, [("INSERT INTO nowhere VALUES (?)", [(1,)])]))
    database.enqueue(partial(execute_steps, [(ADD, [("sau",)])]))
    with pytest.raises(StorageError):
        await database.flush()
    await database.flush()
    assert await texts(database) == ["sau"]


async def test_no_cursor_of_the_writer_leaves_its_thread(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    settle = module._resolve_futures

    def seen(waiting: list[tuple[object, object]]) -> None:
        given.extend(result for _, result in waiting)
        settle(waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_resolve_futures", seen)
    await database.execute_many(ADD, [("một",)])
    database.enqueue(partial(execute_steps, [(ADD, [("hai",)])]))
    await database.flush()
    assert given == [None, None]
    assert await texts(database) == ["một", "hai"]


async def test_a_waiter_that_is_cancelled_neither_undoes_nor_tears(database: Database) -> None:
    held = threading.Event()
    gate = asyncio.ensure_future(database.write(lambda _: held.wait(60)))
    await asyncio.sleep(0.01)
    writes = [asyncio.ensure_future(database.write(add(str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    held.set()
    await gate
    done = await asyncio.gather(*writes, return_exceptions=True)
    await database.flush()
    assert await texts(database) == [str(n) for n in range(20)]
    assert [isinstance(one, asyncio.CancelledError) for one in done] == [True, False] * 10


async def test_reading_goes_on_beside_a_long_write(database: Database) -> None:
    await database.write(add("vorher"))
    held, begun = threading.Event(), threading.Event()

    def long(connection: sqlite3.Connection) -> None:
        connection.execute(ADD, ("neu",))
        begun.set()
        held.wait(60)

    write = asyncio.ensure_future(database.write(long))
    await asyncio.to_thread(begun.wait, 20)
    async with asyncio.timeout(20):
        assert await texts(database) == ["vorher"]
    held.set()
    await write
    assert await texts(database) == ["vorher", "neu"]


async def test_a_lock_of_three_seconds_costs_nothing(database: Database) -> None:
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        writes = [asyncio.ensure_future(database.write(add(str(n)))) for n in range(5)]
        await asyncio.sleep(3)
        assert not any(write.done() for write in writes)
        assert await texts(database) == []
        backup.execute("COMMIT")
    async with asyncio.timeout(20):
        await asyncio.gather(*writes)
    assert len(await texts(database)) == 5


async def test_a_lock_without_end_is_told_to_all_who_wait_at_once(
    tmp_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.3)
    database = Database(tmp_database)
    await database.open((SAID,))
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writes = [database.write(add(str(n))) for n in range(20)]
        async with asyncio.timeout(20):
            got = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(one, StorageError) for one in got)
        other.execute("COMMIT")
    assert await database.write(add("danach")) == 1
    await database.close()


async def test_a_full_disk_is_told_as_such_and_with_room_again_it_goes_on(
    database: Database,
) -> None:
    await database.write(add("vorher"))
    await database.write(lambda c: c.execute("PRAGMA max_page_count=4").fetchall())
    big, small = database.write(add("x" * 100_000)), database.write(add("klein"))
    got = await asyncio.gather(big, small, return_exceptions=True)
    assert isinstance(got[0], StorageFull)
    assert got[0].code == "storage_full"
    assert got[1] == 2
    assert await texts(database) == ["vorher", "klein"]
    await database.write(lambda c: c.execute("PRAGMA max_page_count=100000").fetchall())
    assert await database.write(add("x" * 100_000)) == 3


async def test_closing_writes_what_is_queued_and_closing_twice_is_closing_once(
    tmp_database: Path,
) -> None:
    database = Database(tmp_database)
    await database.open((SAID,))
    for n in range(50):
        database.enqueue(partial(execute_steps, [(ADD, [(str(n),)])]))
    await database.close()
    await database.close()
    with contextlib.closing(sqlite3.connect(tmp_database)) as other:
        assert other.execute("SELECT count(*) FROM said").fetchone() == (50,)


async def test_using_a_closed_database_is_an_error_and_no_endless_wait(
    tmp_database: Path,
) -> None:
    database = Database(tmp_database)
    await database.open((SAID,))
    await database.close()
    async with asyncio.timeout(20):
        with pytest.raises(StorageError):
            await database.write(add("zu spät"))
        with pytest.raises(StorageError):
            await texts(database)


async def test_a_value_that_sqlite_cannot_take_is_a_storage_error_to_readers(
    database: Database,
) -> None:
    for value in (10**40, "\ud800"):
        with pytest.raises(StorageError):
            await database.read("SELECT ?", (value,))


async def test_a_file_that_is_no_database_is_refused(no_database: Path) -> None:
    with pytest.raises(StorageError) as caught:
        await Database(no_database).open((SAID,))
    assert no_database.name in caught.value.message

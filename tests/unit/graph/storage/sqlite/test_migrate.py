"""A file of any version opens; one that a newer program wrote is refused and left as it is."""

import asyncio
import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from core.ends import Status
from core.errors import NewerDatabase, StorageError
from graph.storage.migrations import Migration, pending_migrations, read_migrations
from graph.storage.opening import open_storage
from graph.storage.sqlite.migrate import migrate, split_statements
from tests.servers.process import Process

FIRST_RELEASE = Path(__file__).with_name("files") / "version_0.sql"
LATEST = len(read_migrations("sqlite"))
KILLED = """
import os, shutil, sqlite3, sys
from graph.storage.migrations import read_migrations
from graph.storage.sqlite.migrate import migrate

MIGRATIONS = read_migrations("sqlite")

def die_after(path, left):
    def count(statement):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")  # a kill loses nothing that was written
    connection.set_trace_callback(count)
    migrate(connection, "duologue.db", MIGRATIONS)
    os._exit(0)

for left in range(1000):
    path = shutil.copy(sys.argv[1], f"{sys.argv[2]}/{left}.db")
    child = os.fork()
    if not child:
        die_after(path, left)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
"""


def connected(path: Path) -> "contextlib.closing[sqlite3.Connection]":
    return contextlib.closing(sqlite3.connect(path, isolation_level=None))


def first_release(path: Path) -> Path:
    """The database that the first release left when it was killed in the middle of a run."""
    with connected(path) as connection:
        connection.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    return path


def version(path: Path) -> int:
    with connected(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def dump(path: Path) -> list[str]:
    with connected(path) as connection:
        return list(connection.iterdump())


async def test_a_new_file_has_the_newest_version(tmp_database: Path) -> None:
    async with open_storage(f"sqlite:///{tmp_database}"):
        pass
    assert version(tmp_database) == LATEST


async def test_a_file_of_the_first_release_opens_with_all_its_conversations(
    tmp_database: Path,
) -> None:
    first_release(tmp_database)
    assert version(tmp_database) == 0
    async with open_storage(f"sqlite:///{tmp_database}") as storage:
        rows, _ = await storage.catalogue.list_page(10)
        stands = sorted((row.status, row.turn, row.max_turns) for row in rows)
        assert stands == [
            (Status.COMPLETED, 5, 5),
            (Status.CREATED, 2, 5),
            (Status.RUNNING, 3, 9),
            (Status.STOPPED, 0, 4),
            (Status.WAITING, 1, 5),
        ]
        completed = next(row for row in rows if row.status is Status.COMPLETED)
        assert await storage.catalogue.find_by_key("khoá", "body") == completed.id
        for row in rows:
            place = {"configurable": {"thread_id": row.id, "checkpoint_ns": ""}}
            assert await storage.checkpoints.aget_tuple(place)  # type: ignore[arg-type]
    assert version(tmp_database) == LATEST


async def test_a_newer_file_is_refused_and_left_as_it_is(tmp_database: Path) -> None:
    first_release(tmp_database)
    with connected(tmp_database) as connection:
        connection.execute(f"PRAGMA user_version = {LATEST + 1}")
    before = dump(tmp_database)
    with pytest.raises(NewerDatabase) as refused:
        async with open_storage(f"sqlite:///{tmp_database}"):
            pass
    assert "duologue.db" in refused.value.message
    assert str(LATEST + 1) in refused.value.message
    assert "\n" not in refused.value.message
    assert isinstance(refused.value, StorageError)
    assert dump(tmp_database) == before


async def test_killed_before_any_statement_the_file_opens_and_is_migrated(tmp_path: Path) -> None:
    old, whole = first_release(tmp_path / "old.sqlite"), first_release(tmp_path / "whole.sqlite")
    with connected(whole) as connection:
        migrate(connection, "whole")
    wanted = _without_identity(dump(whole))
    async with Process([sys.executable, "-c", KILLED, str(old), str(tmp_path)]) as process:
        assert await process.wait(50) == 0, process.stderr
    assert _finish_killed(tmp_path, wanted) > 5 * LATEST


def _finish_killed(folder: Path, wanted: list[str]) -> int:
    """Migrates what was killed, and gives how many files that were."""
    killed = sorted(folder.glob("*.db"))
    for path in killed:
        with connected(path) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            migrate(connection, path.name)
            assert _without_identity(list(connection.iterdump())) == wanted
    return len(killed)


def _without_identity(statements: list[str]) -> list[str]:
    return [one for one in statements if not one.startswith('INSERT INTO "meta"')]


async def test_two_that_open_an_old_file_at_once_migrate_it_once(tmp_database: Path) -> None:
    first_release(tmp_database)
    adds = (Migration(1, "0001_adds", "CREATE TABLE once (x); INSERT INTO once VALUES (1);"),)

    def run() -> None:
        with connected(tmp_database) as connection:
            migrate(connection, "duologue.db", adds)

    await asyncio.gather(*(asyncio.to_thread(run) for _ in range(4)))
    with connected(tmp_database) as connection:
        assert connection.execute("SELECT count(*) FROM once").fetchone() == (1,)


def test_a_migration_that_fails_leaves_the_version_before(tmp_database: Path) -> None:
    steps = (
        Migration(1, "0001_good", "CREATE TABLE good (x);"),
        Migration(2, "0002_bad", "CREATE TABLE half (x); CREATE TABLE good (x);"),
    )
    with connected(tmp_database) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, "duologue.db", steps)
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert (version(tmp_database), tables) == (1, [("good",)])


def test_statements_are_split_where_sqlite_ends_them() -> None:
    script = (
        "CREATE TABLE a (x TEXT DEFAULT ';');\n-- a; comment\nCREATE TRIGGER t AFTER INSERT ON a\n"
    )
    script += "BEGIN\n  DELETE FROM a;\nEND;\nDROP TABLE a"
    kinds = [one.strip().splitlines()[-1] for one in split_statements(script)]
    assert kinds == ["CREATE TABLE a (x TEXT DEFAULT ';');", "END;", "DROP TABLE a"]


def test_what_is_pending_follows_the_version() -> None:
    steps = tuple(Migration(n, f"000{n}_x", "") for n in (1, 2, 3))
    assert [one.number for one in pending_migrations(steps, 1, "x.db")] == [2, 3]
    assert pending_migrations(steps, 3, "x.db") == ()

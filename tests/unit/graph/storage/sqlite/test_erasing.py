"""What was deleted is in no page of the file, also where SQLite left a copy of it behind."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from graph.storage.sqlite import erasing
from graph.storage.sqlite.database import Database, connect, prepare_file
from graph.storage.sqlite.erasing import digest_id, note_deletion, search_ids
from graph.storage.sqlite.handles import hold_handle, release_handle
from tests.servers.wait import wait_until

TEXT = b" and what was said in it"


def leave_copy(file: Path, id: str) -> None:
    """Writes the id where SQLite leaves copies: between the pointers and the rows of a page."""
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'labels'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size + size // 2)
        raw.write(id.encode() + TEXT)


def prepare(file: Path, id: str) -> None:
    prepare_file(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        note_deletion(connection, id)


def holds(file: Path, text: bytes) -> bool:
    return text in file.read_bytes()


def notes(file: Path) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        sql = "SELECT count(*) FROM meta WHERE name LIKE 'erasing %'"
        return int(connection.execute(sql).fetchone()[0])


async def test_a_copy_that_stayed_behind_in_a_page_is_erased_with_its_text(
    tmp_database: Path,
) -> None:
    id = str(uuid4())
    prepare(tmp_database, id)
    leave_copy(tmp_database, id)
    database = Database(tmp_database)
    await database.open()
    await wait_until(lambda: notes(tmp_database) == 0, 30, what="the note to go")
    await database.close()
    assert not holds(tmp_database, id.encode())
    assert not holds(tmp_database, TEXT)


async def test_a_file_without_a_copy_is_not_written_anew(tmp_database: Path) -> None:
    prepare(tmp_database, str(uuid4()))
    leave_copy(tmp_database, str(uuid4()))  # of one that was not deleted
    database = Database(tmp_database)
    await database.open()
    await wait_until(lambda: notes(tmp_database) == 0, 30, what="the note to go")
    await database.close()
    assert holds(tmp_database, TEXT)


def test_nothing_is_forgotten_while_the_file_cannot_be_written_anew(
    tmp_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = str(uuid4())
    prepare(tmp_database, id)
    leave_copy(tmp_database, id)
    monkeypatch.setattr(erasing, "REWRITE_EVERY_S", 0.0)
    handle = hold_handle(tmp_database)
    eraser = erasing.Eraser(handle)
    with closing(connect(tmp_database)) as connection:
        with closing(connect(tmp_database)) as other:
            while not eraser.has_found:
                assert eraser.work(connection) is not None
            other.execute("BEGIN IMMEDIATE")
            assert eraser.work(connection) is not None
            assert notes(tmp_database) == 1
        while eraser.work(connection) is not None:
            pass
    release_handle(handle)
    assert notes(tmp_database) == 0
    assert not holds(tmp_database, id.encode())


@pytest.mark.parametrize("before", [0, 1, 40, 90, 100, 135, 200])
def test_an_id_is_found_wherever_the_chunks_end(
    tmp_path: Path, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "CHUNK", 100)
    id, other = str(uuid4()).encode(), str(uuid4()).encode()
    (tmp_path / "file").write_bytes(b"x" * before + other + id + b"y" * 50)
    with (tmp_path / "file").open("rb") as file:
        assert run(search_ids(file.fileno(), {digest_id(id)}))
        assert not run(search_ids(file.fileno(), {digest_id(str(uuid4()).encode())}))
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0


def run(search: erasing.Search) -> bool:
    while True:
        try:
            next(search)
        except StopIteration as end:
            return bool(end.value)

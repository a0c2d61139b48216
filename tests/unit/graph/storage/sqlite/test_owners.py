"""An owner lives as long as its process, however that ends, and under every name of the file."""

import errno
import sqlite3
import sys
from pathlib import Path

import pytest

from graph.storage.sqlite.owners import Owner
from tests.servers.process import Process

HOLDS = """
import sys, time
from pathlib import Path
from graph.storage.sqlite.owners import Owner
owner = Owner(Path(sys.argv[1])); owner.begin()
print("owner", owner.id, flush=True); time.sleep(60)
"""


@pytest.fixture
def file(tmp_database: Path) -> Path:
    tmp_database.touch()
    return tmp_database


async def test_a_process_killed_with_9_is_a_dead_owner(file: Path) -> None:
    mine = Owner(file)
    mine.begin()
    argv = [sys.executable, "-c", HOLDS, str(file)]
    async with Process(argv, ready="owner") as process:
        other = process.stdout.split()[1]
        assert mine.is_alive(other)
        assert mine.is_alive(mine.id)
        process.kill9()
        await process.wait()
    assert not mine.is_alive(other)
    mine.end()


async def test_an_owner_lives_under_every_name_of_the_file(file: Path) -> None:
    soft, hard = file.with_name("soft.db"), file.with_name("hard.db")
    soft.symlink_to(file)
    hard.hardlink_to(file)
    argv = [sys.executable, "-c", HOLDS, str(file)]
    async with Process(argv, ready="owner") as process:
        other = process.stdout.split()[1]
        for name in (soft, hard, file.parent / ".." / file.parent.name / file.name):
            mine = Owner(name)
            mine.begin()
            assert mine.is_alive(other)
            mine.end()


def test_whoever_ends_is_dead_and_leaves_no_file(file: Path) -> None:
    first, second = Owner(file), Owner(file)
    first.begin()
    second.begin()
    assert first.is_alive(second.id)
    assert second.is_alive(first.id)
    first.end()
    first.end()
    assert not second.is_alive(first.id)
    second.end()
    assert list(file.parent.iterdir()) == [file]


def test_an_owner_that_never_was_is_dead(file: Path) -> None:
    owner = Owner(file)
    owner.begin()
    for id in ("", "0" * 32, "../outside", "/etc/hostname", ".", "..", "0" * 33, "x" * 32):
        assert not owner.is_alive(id)
    owner.end()
    assert not owner.is_alive(owner.id)


def test_an_owner_is_alive_also_where_no_more_files_can_be_opened(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Owner(file), Owner(file)
    first.begin()
    second.begin()

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as full:
        full.setattr("graph.storage.sqlite.owners.os.open", refuse)
        assert second.is_alive(first.id)
    first.end()
    assert not second.is_alive(first.id)
    second.end()


async def test_an_owner_that_ends_frees_no_lock_of_sqlite_in_its_process(file: Path) -> None:
    first, second = Owner(file), Owner(file)
    first.begin()
    second.begin()
    ours = sqlite3.connect(file, isolation_level=None)
    ours.execute("CREATE TABLE t (x)")
    ours.execute("BEGIN IMMEDIATE")
    first.end()
    probe = (
        "import sqlite3, sys\n"
        "other = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)\n"
        "other.execute('BEGIN IMMEDIATE')"
    )
    async with Process([sys.executable, "-c", probe, str(file)]) as process:
        assert await process.wait() == 1
        assert "locked" in process.stderr
    ours.close()
    second.end()

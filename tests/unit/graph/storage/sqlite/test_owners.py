"""An owner lives as long as its process, however that ends."""

import errno
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


async def test_a_process_killed_with_9_is_a_dead_owner(tmp_database: Path) -> None:
    mine = Owner(tmp_database)
    mine.begin()
    argv = [sys.executable, "-c", HOLDS, str(tmp_database)]
    async with Process(argv, ready="owner") as process:
        other = process.stdout.split()[1]
        assert mine.is_alive(other)
        assert mine.is_alive(mine.id)
        process.kill9()
        await process.wait()
    assert not mine.is_alive(other)
    assert not mine.is_alive(other)
    mine.end()


def test_whoever_ends_is_dead_and_leaves_no_file(tmp_database: Path) -> None:
    first, second = Owner(tmp_database), Owner(tmp_database)
    first.begin()
    second.begin()
    assert first.is_alive(second.id)
    assert second.is_alive(first.id)
    first.end()
    first.end()
    assert not second.is_alive(first.id)
    second.end()
    assert list(tmp_database.parent.iterdir()) == []


def test_an_owner_that_never_was_is_dead_and_no_path_leads_out_of_the_folder(
    tmp_database: Path,
) -> None:
    owner = Owner(tmp_database)
    owner.begin()
    outside = tmp_database.with_name("outside")
    outside.write_text("kept")
    for id in ("", "0" * 32, "../outside", "/etc/hostname", ".", ".."):
        assert not owner.is_alive(id)
    assert outside.read_text() == "kept"
    owner.end()


def test_an_owner_whose_file_cannot_be_opened_for_want_of_files_is_not_dead(
    tmp_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Owner(tmp_database), Owner(tmp_database)
    first.begin()

    def refused(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("graph.storage.sqlite.owners.os.open", refused)
    assert second.is_alive(first.id)
    monkeypatch.undo()
    first.end()
    assert not second.is_alive(first.id)

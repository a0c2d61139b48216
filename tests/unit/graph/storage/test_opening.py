"""A database is made where there is none, and what cannot be opened is told."""

import asyncio
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError, StorageError
from graph.storage.opening import open_storage, prepare_storage


async def test_the_file_and_its_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b c" / "duologue.db"
    async with open_storage(f"sqlite:///{path}") as storage:
        await storage.check()
        assert storage.owner.is_alive(storage.owner.id)
    assert [file.name for file in path.parent.iterdir()] == ["duologue.db"]


async def test_two_opened_at_once_see_each_other_as_alive(tmp_database: Path) -> None:
    url = f"sqlite:///{tmp_database}"
    async with open_storage(url) as one:
        async with open_storage(url) as two:
            assert one.owner.is_alive(two.owner.id)
            assert two.owner.is_alive(one.owner.id)
            dead = two.owner.id
        assert not one.owner.is_alive(dead)
        await one.check()


async def test_two_may_write_at_the_same_time(tmp_database: Path) -> None:
    url = f"sqlite:///{tmp_database}"
    async with open_storage(url) as one, open_storage(url) as two:
        sql = "INSERT INTO idempotency VALUES (?, 'b', 'c')"
        writes = [
            storage.database.execute_many(sql, [(f"{name}{n}",)])
            for n in range(50)
            for name, storage in (("one", one), ("two", two))
        ]
        await asyncio.gather(*writes)
        assert await one.database.read("SELECT count(*) FROM idempotency") == [(100,)]


@pytest.mark.parametrize("url", ["sqlite:////proc/none/duologue.db", "sqlite:////dev/null/x.db"])
async def test_a_place_that_cannot_be_written_is_told(url: str) -> None:
    with pytest.raises(StorageError):
        async with open_storage(url):
            pass


def test_postgres_without_its_extra_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("graph.storage.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"psycopg is missing.*pip install 'duologue\[postgres\]"):
        prepare_storage("postgresql://me:geheim@localhost/talks")

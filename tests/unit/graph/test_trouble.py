"""A database that lately could not be written is said to be in trouble, until it can be again."""

from pathlib import Path

import pytest

from core.errors import StorageFull
from graph.storage.opening import open_storage


async def test_a_full_database_is_in_trouble_until_there_is_room(tmp_path: Path) -> None:
    async with open_storage(f"sqlite:///{tmp_path / 'd.db'}") as storage:
        database = storage.database
        await database.execute_many("CREATE TABLE big (x)", [()])
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 1").fetchall())
        with pytest.raises(StorageFull):
            await database.execute_many("INSERT INTO big VALUES (zeroblob(?))", [(9_000_000,)])
        assert isinstance(database.last_failure, StorageFull)
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 99999999").fetchall())
        await storage.check()
        assert database.last_failure is None

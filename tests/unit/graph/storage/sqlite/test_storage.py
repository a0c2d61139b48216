"""A SQLite file that was replaced is not written to; damage stays where it is."""

import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from core.ends import Status
from core.errors import Damaged, StorageError
from graph.storage.opening import Storage, open_storage
from graph.storage.sql import catalogue
from tests.contract.worlds import ROW, nobody

PLACE: Any = {"configurable": {"thread_id": "0", "checkpoint_ns": ""}, "metadata": {}}


@pytest.fixture
async def loser(tmp_database: Path) -> AsyncIterator[Storage]:
    async with open_storage(f"sqlite:///{tmp_database}") as storage:
        await storage.catalogue.add(ROW)
        yield storage


async def store_checkpoint(storage: Storage) -> None:
    await storage.checkpoints.aput(PLACE, empty_checkpoint(), {}, {})


async def stored(storage: Storage) -> int:
    ((count,),) = await storage.database.read("SELECT count(*) FROM checkpoints")
    return int(count)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_file_that_is_deleted_or_replaced_is_noticed(
    loser: Storage, tmp_database: Path, how: str
) -> None:
    await loser.check()
    _take_away(tmp_database, how)
    for use in (store_checkpoint(loser), loser.catalogue.get("0"), loser.check()):
        with pytest.raises(StorageError, match="deleted or replaced"):
            await use
    _put_back(tmp_database, how)
    await loser.check()


def _take_away(path: Path, how: str) -> None:
    path.rename(path.with_name("away.db"))
    if how == "replaced":
        shutil.copy(path.with_name("away.db"), path)


def _put_back(path: Path, how: str) -> None:
    assert path.exists() == (how == "replaced")  # nothing made a new file there
    path.with_name("away.db").rename(path)


async def test_a_file_with_two_names_is_refused(tmp_database: Path) -> None:
    async with open_storage(f"sqlite:///{tmp_database}"):
        pass
    tmp_database.with_name("hard.db").hardlink_to(tmp_database)
    with pytest.raises(StorageError, match=r"hard links.*remove the others"):
        async with open_storage(f"sqlite:///{tmp_database.with_name('hard.db')}"):
            pass


async def test_a_link_leads_to_the_same_database(loser: Storage, tmp_database: Path) -> None:
    link = tmp_database.with_name("link.db")
    link.symlink_to(tmp_database)
    async with open_storage(f"sqlite:///{link}") as other:
        assert other.identity == loser.identity
        assert other.owner.is_alive(loser.owner.id)
        assert loser.owner.is_alive(other.owner.id)
    async with open_storage(f"sqlite:///{tmp_database.with_name('another.db')}") as another:
        assert another.identity != loser.identity


async def create(storage: Storage, id: str, key: str | None = None, body: str = "") -> str:
    place: Any = {"configurable": {"thread_id": id, "checkpoint_ns": ""}, "metadata": {}}

    async def checkpoint() -> None:
        assert await storage.checkpoints.aget_tuple(place) is None
        await storage.checkpoints.aput(place, empty_checkpoint(), {}, {})

    return await storage.create(replace(ROW, id=id), checkpoint, key, body)


async def test_a_creation_is_one_transaction(loser: Storage) -> None:
    ran: list[str] = []
    await loser.database.write(lambda connection: connection.set_trace_callback(ran.append))
    await create(loser, "new", "key", "body")
    assert ran.count("COMMIT") == 2  # that of the line above, and the creation's


async def test_a_damaged_row_harms_itself_alone(loser: Storage, tmp_database: Path) -> None:
    for id in ("1", "2", "3"):
        await loser.catalogue.add(replace(ROW, id=id, status=Status.RUNNING))
    with contextlib.closing(sqlite3.connect(tmp_database, isolation_level=None)) as other:
        other.execute("UPDATE conversations SET status = 'dancing' WHERE id = '1'")
        other.execute("UPDATE conversations SET scenario = '{\"cut' WHERE id = '2'")
    rows, _ = await loser.catalogue.list_page(10)
    assert [row.id for row in rows] == ["3", "0"]
    assert set(loser.catalogue.damaged) == {"1", "2"}
    assert "dancing" in loser.catalogue.damaged["1"]
    with pytest.raises(Damaged, match="dancing"):
        await loser.catalogue.get("1")
    assert [row.id for row in await loser.catalogue.interrupt_orphans(nobody)] == ["3"]
    await loser.catalogue.delete("1")
    assert set(loser.catalogue.damaged) == {"2"}


async def test_a_checkpoint_that_cannot_be_read_is_named(loser: Storage) -> None:
    await store_checkpoint(loser)
    await loser.database.execute_many("UPDATE checkpoints SET checkpoint = x'c1'", [()])
    with pytest.raises(Damaged, match="conversation 0"):
        await loser.checkpoints.aget_tuple(PLACE)
    assert set(loser.catalogue.damaged) == {"0"}


async def test_damaged_rows_are_found_before_somebody_meets_them(
    loser: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "SCAN_PAGE", 2)
    for at in range(1, 8):
        await loser.catalogue.add(replace(ROW, id=str(at)))
    await loser.database.execute_many(
        "UPDATE conversations SET status = 'dancing' WHERE id = ?", [("1",), ("6",)]
    )
    await loser.catalogue.find_damaged()
    assert list(loser.catalogue.damaged) == ["6", "1"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("max_turns", "many"), ("turn", "x"), ("turn", -5), ("persona", b"\xff"), ("id", b"\xff"),
     ("seq", "abc"), ("seq", 2**63 - 1), ("scenario", "[]"), ("scenario", ""), ("error", "5"),
     ("owner", b"x"), ("bot_id", b"\xff"), ("status", b"\xff"), ("runs", 1.5)],
)  # fmt: skip
async def test_whatever_stands_in_a_row_it_harms_itself_alone(
    loser: Storage, tmp_database: Path, column: str, value: Any
) -> None:
    await loser.catalogue.add(replace(ROW, id="1"))
    with contextlib.closing(sqlite3.connect(tmp_database, isolation_level=None)) as other:
        other.execute(f"UPDATE conversations SET {column} = ? WHERE id = '1'", (value,))
    await loser.catalogue.find_damaged()
    assert len(loser.catalogue.damaged) == 1
    await loser.catalogue.add(replace(ROW, id="2"))
    assert [row.id for row in (await loser.catalogue.list_page(10))[0]] == ["2", "0"]


async def test_a_text_that_is_no_text_harms_itself_alone(
    loser: Storage, tmp_database: Path
) -> None:
    await loser.catalogue.add(replace(ROW, id="1"))
    with contextlib.closing(sqlite3.connect(tmp_database, isolation_level=None)) as other:
        other.execute("UPDATE conversations SET bot_id = CAST(x'ff' AS TEXT) WHERE id = '1'")
    assert [row.id for row in (await loser.catalogue.list_page(10))[0]] == ["0"]
    assert set(loser.catalogue.damaged) == {"1"}


async def test_a_list_of_checkpoints_names_the_damaged_conversation(loser: Storage) -> None:
    await store_checkpoint(loser)
    await loser.database.execute_many("UPDATE checkpoints SET checkpoint = x'c1'", [()])
    with pytest.raises(Damaged, match="conversation 0"):
        _ = [found async for found in loser.checkpoints.alist(PLACE)]

"""A bot's knowledge is indexed once, beside the server, and again when it changed."""

import asyncio
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BotError
from core.settings import Settings
from nodes.calls.http import HttpClient
from nodes.knowledge import library as module
from nodes.knowledge.config import Knowledge
from nodes.knowledge.library import Library, open_library, place_index
from tests.unit.nodes.knowledge.test_readers import PDF


def make(folder: Path, **knowledge: Any) -> Library:
    given = Knowledge.model_validate({"files": "docs/**", **knowledge})
    url = f"sqlite:///{folder / 'db'}"
    settings = Settings(bots=folder / "bots.yaml", database_url=url, attempts=2)
    return open_library(given, "1", "thủ thư", settings, HttpClient())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0)
    deep = tmp_path / "docs" / "sâu"
    deep.mkdir(parents=True)
    (deep / "giờ.md").write_text("# Giờ\n\nThư viện mở cửa lúc 8 giờ.", "utf-8")
    (tmp_path / "docs" / "hình.png").write_bytes(b"\x89PNG")
    copy(PDF, tmp_path / "docs" / "quy định.pdf")
    return tmp_path


async def test_sources_say_id_file_page_score_and_an_excerpt(folder: Path) -> None:
    heard: list[str] = []
    (folder / "docs" / "dài.txt").write_text("tầng năm " + "rất dài " * 60, "utf-8")
    library = make(folder, top=3)
    found = await library.find("phòng đọc thiếu nhi ở tầng mấy", heard.append)
    assert (found[0]["file"], found[0]["page"]) == ("docs/quy định.pdf", 2)
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    assert all(len(one["text"]) <= 200 for one in found)
    assert "indexing" in heard[0]
    long = next(one for one in found if one["file"] == "docs/dài.txt")
    assert len((await library.read([long]))[0]) > 400
    assert (await make(folder, top=1).find("thu vien mo cua", heard.append))[0]["file"].endswith(
        "giờ.md"
    )


async def test_it_is_indexed_again_when_a_file_changes_and_only_then(folder: Path) -> None:
    heard: list[str] = []
    await make(folder).find("giờ", heard.append)
    heard.clear()
    library = make(folder)
    await library.find("giờ", heard.append)
    assert heard == []
    (folder / "docs" / "mới.md").write_text("Căng tin bán phở bò.", "utf-8")
    assert (await library.find("pho bo", heard.append))[0]["file"] == "docs/mới.md"
    assert len([said for said in heard if said.startswith("indexing")]) == 1
    (folder / "docs" / "mới.md").unlink()
    assert await library.find("pho bo", heard.append) == []


async def test_a_passage_that_is_gone_is_read_as_far_as_it_is_known(folder: Path) -> None:
    library = make(folder)
    found = await library.find("mở cửa lúc 8 giờ", lambda _: None)
    (folder / "docs" / "sâu" / "giờ.md").write_text("Đóng cửa.", "utf-8")
    assert (await library.read(found[:1]))[0] == found[0]["text"]


async def test_a_file_that_cannot_be_read_is_told_and_harms_no_other(folder: Path) -> None:
    (folder / "docs" / "hỏng.pdf").write_bytes(b"%PDF-1.4 no")
    heard: list[str] = []
    library = make(folder)
    assert await library.find("thư viện", heard.append)
    assert any("hỏng.pdf" in said for said in heard)
    assert "hỏng.pdf" in await make(folder).describe()  # also where it was indexed before


@pytest.mark.parametrize(
    ("knowledge", "says"),
    [
        ({"files": "none/**"}, "no file that can be read fits none/**"),
        ({"files": [], "sql": {"url": "sqlite:///none.db", "query": "SELECT 1"}}, "none.db"),
    ],
)
async def test_knowledge_that_is_not_there_is_an_error_of_the_bot(
    folder: Path, knowledge: dict[str, Any], says: str
) -> None:
    with pytest.raises(BotError, match=re.escape(says)) as caught:
        await make(folder, **knowledge).find("a", lambda _: None)
    assert caught.value.code == "bot_init"
    assert not (folder / "db.knowledge" / "1.db").exists()


async def test_rows_of_a_database_are_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("CREATE TABLE goods (name TEXT, price INTEGER)")
        database.execute("INSERT INTO goods VALUES ('Giày thể thao', 2500)")
        database.commit()
    sql = {"url": "sqlite:///shop.db", "query": "SELECT name, price FROM goods"}
    found = await make(folder, sql=sql).find("giay the thao", lambda _: None)
    assert (found[0]["file"], found[0]["text"]) == ("shop.db", "name: Giày thể thao\nprice: 2500")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "files or sql"),
        ({"sql": {"url": "sqlite:///a.db", "query": "DELETE FROM a"}}, "SELECT"),
        ({"sql": {"url": "http://x", "query": "SELECT 1"}}, "postgresql://"),
        ({"files": "a", "embeddings": {"model": "m", "base_url": "ftp://x"}}, "http://"),
        ({"files": "a", "top": 0}, "top"),
    ],
)
def test_what_does_not_fit_is_refused_at_load(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Knowledge.model_validate(wrong)


async def test_only_what_changed_is_read_again(folder: Path) -> None:
    library = make(folder)
    await library.find("giờ", lambda _: None)
    with closing(sqlite3.connect(folder / "db.knowledge" / "1.db")) as index:
        index.execute("UPDATE passages SET text = 'tê giác' WHERE file LIKE '%.pdf'")
        index.commit()
    (folder / "docs" / "mới.md").write_text("Căng tin bán phở bò.", "utf-8")
    assert (await library.find("te giac", lambda _: None))[0]["file"].endswith(".pdf")
    assert (await library.find("pho bo", lambda _: None))[0]["file"] == "docs/mới.md"


async def test_what_is_told_to_the_indexing_process_is_seen_by_no_other(folder: Path) -> None:
    """Arguments are: they stand in the list of processes."""
    seen: list[str] = []
    library = make(folder, sql={"url": "postgresql://me:geheim@127.0.0.1:1/x", "query": "SELECT 1"})

    def look(_: str) -> None:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.append(line.read_text(errors="replace"))

    with pytest.raises(BotError) as caught:
        await library.find("a", look)
    assert seen
    assert "geheim" not in caught.value.message + "".join(seen)


async def test_rows_in_the_log_of_a_database_are_seen(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE goods (name TEXT)")
        database.execute("INSERT INTO goods VALUES ('Mũ len')")
        database.commit()
        sql = {"url": "sqlite:///shop.db", "query": "SELECT name FROM goods"}
        library = make(folder, files=[], sql=sql)
        assert await library.find("mu len", lambda _: None)
        database.execute("INSERT INTO goods VALUES ('Khăn choàng')")
        database.commit()
        assert await library.find("khan choang", lambda _: None)


async def test_a_query_that_fails_is_an_error_and_the_index_stays(folder: Path) -> None:
    await make(folder).find("giờ", lambda _: None)
    sql = {"url": "sqlite:///none.db", "query": "SELECT 1"}
    with pytest.raises(BotError, match=r"none\.db"):
        await make(folder, sql=sql).find("giờ", lambda _: None)
    assert await make(folder).find("giờ", lambda _: None)


async def test_a_cancelled_search_leaves_no_process_and_no_file(folder: Path) -> None:
    library = make(folder)
    reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def report(_: str) -> None:
        if not reached.done():
            reached.set_result(None)

    finding = asyncio.ensure_future(library.find("giờ", report))
    await reached
    finding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finding
    assert await library.find("mo cua", lambda _: None)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////tmp/a/talks.db", "/tmp/a/talks.db.knowledge/b%3A1.db"),
        ("postgresql://me:geheim@host/talks", "duologue.db.knowledge/b%3A1.db"),
    ],
)
def test_the_index_lies_beside_the_database_or_in_the_working_folder(url: str, place: str) -> None:
    assert place_index(url, "b:1") == Path(place).resolve()

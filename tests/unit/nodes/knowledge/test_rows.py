"""The rows of a query are passages; the database is only read, and for a limited time."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nodes.knowledge import rows
from nodes.knowledge.passages import Unreadable
from nodes.knowledge.rows import read_rows
from tests.servers.postgres import PostgresServer

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE goods (name TEXT, price INTEGER)")
        database.execute("INSERT INTO goods VALUES ('Giày', 2500), ('Mũ', NULL)")
        database.commit()
    return file


def texts(url: object, query: str, timeout_s: float = 20) -> list[str]:
    return [passage.text for passage in read_rows(str(url), query, timeout_s)]


def test_a_row_is_a_passage_with_the_names_of_its_columns(file: Path) -> None:
    query = "SELECT name AS tên, price AS giá, x'00ff' AS photo FROM goods ORDER BY rowid"
    assert texts(f"sqlite:///{file}", query) == ["tên: Giày\ngiá: 2500", "tên: Mũ"]


def test_a_long_cell_becomes_several_passages_of_its_row(file: Path) -> None:
    query = "SELECT replace(hex(zeroblob(1000)), '00', 'dài. ') AS text"
    found = [*read_rows(f"sqlite:///{file}", query)]
    assert len(found) > 3
    assert {one.page for one in found} == {1}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("WITH x AS (SELECT 1) DELETE FROM goods", "readonly"),
        ("SELECT * FROM nothing", "nothing"),
        ("SELECT 1; DELETE FROM goods", "one statement"),
    ],
)
def test_what_writes_or_is_wrong_is_refused(file: Path, query: str, says: str) -> None:
    with pytest.raises(Unreadable, match=rf"shop\.db: .*{says}"):
        texts(f"sqlite:///{file}", query)
    assert len(texts(f"sqlite:///{file}", "SELECT * FROM goods")) == 2


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        texts(f"sqlite:///{tmp_path}/none.db", "SELECT 1")
    assert not (tmp_path / "none.db").exists()


def test_a_database_that_stays_locked_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LOCKED_S", 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unreadable, match="locked"):
            texts(f"sqlite:///{file}", "SELECT * FROM goods")


def test_a_query_without_an_end_is_cut(file: Path) -> None:
    with pytest.raises(Unreadable, match=r"more than 0\.05 s"):
        texts(f"sqlite:///{file}", ENDLESS, 0.05)


def test_without_psycopg_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unreadable, match=r"pip install 'duologue\[postgres\]'"):
        texts("postgresql://host/db", "SELECT 1")


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(Unreadable, match="shop: ") as caught:
        texts("postgresql://me:geheim@127.0.0.1:1/shop", "SELECT 1")
    assert "geheim" not in str(caught.value)


@pytest.mark.postgres
class TestPostgres:
    """Against a real server."""

    @pytest.fixture
    def url(self, postgres: PostgresServer) -> Iterator[str]:
        postgres.sql("CREATE TABLE goods (name TEXT, price INTEGER, photo BYTEA)")
        postgres.sql("INSERT INTO goods VALUES ('Giày 100%', 2500, '\\x00ff'), ('Mũ', NULL, NULL)")
        yield postgres.url()
        postgres.sql("DROP TABLE goods")

    def test_rows_are_passages(self, url: str) -> None:
        query = "SELECT name AS tên, price, photo FROM goods WHERE name LIKE '%i%' OR true"
        assert texts(url, query) == ["tên: Giày 100%\nprice: 2500", "tên: Mũ"]

    @pytest.mark.parametrize(
        "query",
        [
            "WITH x AS (DELETE FROM goods RETURNING *) SELECT * FROM x",
            "SELECT 1; DELETE FROM goods",
            "SELECT 1; COMMIT; DELETE FROM goods",
            "SELECT setval('s', 1) FROM (SELECT pg_advisory_lock(1), nextval('s')) x",
            "SELECT * FROM nothing",
        ],
    )
    def test_what_writes_or_is_wrong_is_refused(self, url: str, query: str) -> None:
        with pytest.raises(Unreadable, match="postgres: "):
            texts(url, query)
        assert len(texts(url, "SELECT * FROM goods")) == 2

    def test_a_query_without_an_end_is_cut(self, url: str) -> None:
        with pytest.raises(Unreadable, match="statement timeout"):
            texts(url, "SELECT pg_sleep(60)", 0.05)

    def test_many_rows_are_read_as_they_come(self, url: str) -> None:
        rows = read_rows(url, "SELECT generate_series(1, 10000000) AS n", 20)
        assert next(rows).text == "n: 1"
        rows.close()  # type: ignore[attr-defined]

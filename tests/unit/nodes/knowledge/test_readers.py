"""Documents become passages that say where they stand."""

import csv
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nodes.knowledge.readers import (
    PASSAGE_CHARACTERS,
    Unreadable,
    read_document,
    read_rows,
    split_text,
)
from tests.servers.process import ROOT

PDF = ROOT / "tests" / "data" / "knowledge" / "thu-vien.pdf"


def texts(path: Path) -> list[str]:
    return [passage.text for passage in read_document(path, path.name)]


def test_a_heading_begins_a_passage_and_short_paragraphs_share_one(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("# Một\n\nđầu\n\nhai\n## Ba\nbốn\n", "utf-8")
    assert texts(file) == ["# Một\nđầu\nhai", "## Ba\nbốn"]


def test_a_long_paragraph_is_cut_after_sentences_and_nothing_is_lost() -> None:
    text = " ".join(f"Câu số {n} nói về trường học." for n in range(200))
    parts = [passage.text for passage in split_text(text, "a", 1)]
    assert all(len(part) <= PASSAGE_CHARACTERS + 1 for part in parts)
    assert all(part.endswith(".") for part in parts)
    assert " ".join(parts) == text


def test_of_a_page_what_a_reader_sees_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text(
        "<head><title>t</title></head><script>var x</script><h1>Giờ mở cửa</h1>"
        "<p>Từ <b>8</b> gi&#7901;<p>đến 17 giờ<style>p{}</style>",
        "utf-8",
    )
    assert texts(file) == ["Giờ mở cửa\nTừ 8 giờ\nđến 17 giờ"]


def test_each_row_is_a_passage_with_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows([["tên", "giá"], ["Giày, đôi", "2.500"], ["Mũ", ""]])
    passages = [*read_document(file, "a.csv")]
    assert [(one.text, one.page) for one in passages] == [
        ("tên: Giày, đôi\ngiá: 2.500", 1),
        ("tên: Mũ", 2),
    ]


def test_a_vietnamese_pdf_is_read_page_by_page() -> None:
    passages = [*read_document(PDF, "thu-vien.pdf")]
    assert [one.page for one in passages] == [1, 2]
    assert "Quá hạn bị phạt 2.500 đồng" in passages[0].text
    assert "cô Nguyễn Thị Hường" in passages[1].text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.4 and no more"),
        ("a.pdf", b""),
        ("a.txt", b"\xff\xfe\xfa"),
        ("a.csv", b"a\n" + b"x" * 200_000),
    ],
)
def test_what_cannot_be_read_is_told_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=name):
        texts(tmp_path / name)


def test_without_pypdf_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(Unreadable, match="pip install"):
        texts(PDF)


def test_rows_of_a_query_are_passages_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE goods (name TEXT, price INTEGER)")
        database.execute("INSERT INTO goods VALUES ('Giày', 2500), ('Mũ', NULL)")
        database.commit()
    url = f"sqlite:///{file}"
    rows = [*read_rows(url, "SELECT name AS tên, price AS giá FROM goods ORDER BY rowid")]
    assert [one.text for one in rows] == ["tên: Giày\ngiá: 2500", "tên: Mũ"]
    for bad in ("WITH x AS (SELECT 1) DELETE FROM goods", "SELECT * FROM nothing"):
        with pytest.raises(Unreadable, match=r"shop\.db"):
            [*read_rows(url, bad)]
    assert len([*read_rows(url, "SELECT * FROM goods")]) == 2
    with pytest.raises(Unreadable):
        [*read_rows(f"sqlite:///{tmp_path}/none.db", "SELECT 1")]
    assert not (tmp_path / "none.db").exists()

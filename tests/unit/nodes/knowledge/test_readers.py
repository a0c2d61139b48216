"""Documents become passages that say where they stand."""

import csv
import sys
from pathlib import Path

import pytest
from pypdf import PdfWriter

from nodes.knowledge import readers
from nodes.knowledge.passages import PASSAGE_CHARACTERS, Unreadable, split_text
from nodes.knowledge.readers import read_document
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
        ("a.md", b"caf\xe9"),
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


def test_a_pdf_with_a_password_and_one_of_pictures_are_told_as_such(tmp_path: Path) -> None:
    locked, empty = PdfWriter(clone_from=PDF), PdfWriter()
    locked.encrypt("geheim", algorithm="RC4-128")
    empty.add_blank_page(100, 100)
    locked.write(tmp_path / "locked.pdf")
    empty.write(tmp_path / "empty.pdf")
    with pytest.raises(Unreadable, match=r"locked\.pdf: wants a password"):
        texts(tmp_path / "locked.pdf")
    with pytest.raises(Unreadable, match=r"empty\.pdf: has no text"):
        texts(tmp_path / "empty.pdf")


def test_a_file_of_many_bytes_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MOST_BYTES", 2_000_000)
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(2_000_001)
    with pytest.raises(Unreadable, match="larger than 2 MB"):
        texts(tmp_path / "a.txt")


def test_text_without_any_break_is_cut_into_passages() -> None:
    parts = [passage.text for passage in split_text("x" * 10_000 + " y " * 5000, "a", None)]
    assert all(len(part) <= PASSAGE_CHARACTERS for part in parts)
    assert "".join(parts).replace(" ", "") == "x" * 10_000 + "y" * 5000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_windows_programs_write_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text("tên\r\nGiày\r\n", encoding)
    (tmp_path / "a.txt").write_text("một\r\n\r\nhai", encoding)
    assert texts(tmp_path / "a.csv") == ["tên: Giày"]
    assert texts(tmp_path / "a.txt") == ["một\nhai"]

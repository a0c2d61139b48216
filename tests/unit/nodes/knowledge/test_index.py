"""What is looked up is found: with tones, without, and by neighbouring words."""

from pathlib import Path
from random import Random

import pytest

from nodes.knowledge.folding import find_words, fold, join_neighbours
from nodes.knowledge.index import Passage, read_fingerprint, read_texts, search, write_index
from tests.unit.nodes.knowledge.samples import make_passages, take_words

TEXTS = [
    "Học sinh lớp ba học tiếng Anh với cô Hường.",
    "Anh học ba lớp tiếng Việt; sinh nhật của Hường là 12/5.",
    "Thư viện Lê Quý Đôn mở cửa lúc 8 giờ.",
    "Đôi giày giá 2.500 đồng.",
]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    target = tmp_path / "index.db"
    passages = [Passage(f"{n}.md", n or None, text) for n, text in enumerate(TEXTS)]
    assert write_index(target, passages, "f-1") == 4
    return target


def strip_tones(text: str) -> str:
    return " ".join(map(fold, text.lower().split()))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("học tiếng Anh", 0),
        ("hoc tieng anh", 0),
        ("HỌC TIẾNG ANH", 0),
        ("ho\u0323c ti\u00ea\u0301ng anh", 0),
        ("anh học ba lớp", 1),
        ("sinh nhật", 1),
        ("le quy don", 2),
        ("Lê Quý Đôn ở đâu?", 2),
        ("2.500 đồng", 3),
        ("doi giay", 3),
        ('"học" AND (tiếng* OR :anh) NEAR', 0),
    ],
)
def test_the_passage_that_is_meant_comes_first(index: Path, text: str, first: int) -> None:
    assert search(index, text, 5)[0].text == TEXTS[first]


@pytest.mark.parametrize("text", ["", " ?! ", "xyzzy"])
def test_nothing_is_found_where_nothing_fits(index: Path, text: str) -> None:
    assert search(index, text, 5) == []


def test_a_hit_says_where_it_stands_and_its_text_is_read_by_id(index: Path) -> None:
    hit = search(index, "thư viện", 1)[0]
    assert (hit.file, hit.page, hit.text) == ("2.md", 2, TEXTS[2])
    assert read_texts(index, [hit.id, "gone"]) == {hit.id: TEXTS[2]}
    assert hit.score > 0


def test_an_index_knows_of_what_it_was_made(index: Path, tmp_path: Path) -> None:
    assert read_fingerprint(index) == "f-1"
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0 and no more")
    assert read_fingerprint(tmp_path / "broken.db") is None
    assert read_fingerprint(tmp_path / "none.db") is None
    assert not (tmp_path / "none.db").exists()


def test_words_are_folded_and_neighbours_joined() -> None:
    assert [fold(word) for word in find_words("Đường ĐẾN trường-học")] == [
        "duong",
        "den",
        "truong",
        "hoc",
    ]
    assert join_neighbours(["a", "b", "c"], 2) == ["aǀb", "bǀc"]
    assert join_neighbours(["a", "b", "c"], 3) == ["aǀbǀc"]
    assert join_neighbours(["a"], 2) == []


def test_neighbouring_words_of_one_passage_in_ten_thousand_find_it_in_the_first_five(
    tmp_path: Path,
) -> None:
    texts, chance = make_passages(10_000), Random(11)
    target = tmp_path / "many.db"
    write_index(target, (Passage("a.md", None, text) for text in texts), "f")
    found = 0
    asked = [chance.choice(texts) for _ in range(120)]
    for number, text in enumerate(asked):
        words = take_words(text, chance)
        half = words.split(" ", 1)
        mixed = f"{strip_tones(half[0])} {half[1]}"
        query = (words, strip_tones(words), mixed)[number % 3]
        found += text in [hit.text for hit in search(target, query, 5)]
    assert found >= 0.95 * len(asked)

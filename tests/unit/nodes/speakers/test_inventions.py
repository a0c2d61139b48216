"""Names and figures that nobody gave the person: found, and nothing else is."""

import pytest

from nodes.speakers.inventions import find_inventions

GIVEN = "Minh, lớp 4A, sinh ngày 12/5, nhà nuôi chó tên Milu. Bot: Con có 50.000 đồng không?"


def kinds(line: str, given: str = GIVEN) -> list[tuple[str, str]]:
    return [(one["kind"], one["text"]) for one in find_inventions(line, lambda: [given])]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("số của mẹ con là 0912 345 678 ạ", [("phone", "0912 345 678")]),
        ("you can call me at +84-912-345-678", [("phone", "+84-912-345-678")]),
        ("con sinh ngày 3 tháng 9 ạ", [("date", "ngày 3 tháng 9")]),
        ("my birthday is 3rd of September", [("date", "3rd of September")]),
        ("mẹ cho con 20k", [("money", "20k")]),
        ("it costs $15", [("money", "$15")]),
        ("coi nè https://evil.example/x", [("link", "https://evil.example/x")]),
        ("con tên Khánh ạ", [("name", "Khánh")]),
        ("con ten khanh", [("name", "khanh")]),
        ("my name is Peter", [("name", "Peter")]),
        ("hôm qua con đi với Tuấn Anh", [("name", "Tuấn")]),
    ],
)
def test_what_nobody_gave_is_found(line: str, found: list[tuple[str, str]]) -> None:
    assert kinds(line) == found


@pytest.mark.parametrize(
    "line",
    [
        "con 9 tuổi ạ",
        "dạ 25",
        "con có 4 người trong nhà",
        "con sinh ngày 12/5 ạ",
        "nhà con có con chó tên Milu",
        "con tên là gì ta",
        "Dạ con có 50000 đồng ạ",
        "I like English and Vietnamese",
        "Dạ con thích quả táo",
        "one two three 1 2 3",
    ],
)
def test_what_was_given_and_plain_numbers_are_no_inventions(line: str) -> None:
    assert kinds(line) == []


def test_what_was_given_is_looked_up_only_where_there_is_something_to_look_for() -> None:
    def fail() -> list[str]:
        raise AssertionError("looked up")

    assert find_inventions("dạ con biết rồi ạ", fail) == []

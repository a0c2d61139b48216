"""What a message holds besides text is told as text, and chosen by its title."""

from typing import Any

import pytest

from core.message import new_message
from core.parts import describe_part, find_choice, find_choices, read_out

SIZES: list[dict[str, Any]] = [
    {"kind": "button", "title": "Size S", "value": "/s"},
    {"kind": "quick_reply", "title": "👍 Đồng ý"},
    {"kind": "link", "title": "Bảng giá", "url": "https://x/gia"},
]


def bot(text: str, *parts: Any) -> Any:
    return new_message("assistant", text, index=0, turn=1, origin="bot", parts=list(parts))


def user(text: str) -> Any:
    return new_message("user", text, index=0, turn=1, origin="human")


def test_a_message_is_read_out_with_its_parts() -> None:
    told = read_out(bot("Chọn size", *SIZES))
    assert told.splitlines() == [
        "Chọn size",
        "[button: Size S]",
        "[quick reply: 👍 Đồng ý]",
        "[link: Bảng giá – https://x/gia]",
    ]
    assert read_out(bot("", {"kind": "image", "url": "https://x/y.png"})) == (
        "[image: https://x/y.png]"
    )
    assert read_out({"text": "chào"}) == "chào"
    assert read_out({"content": ""}) == ""
    assert describe_part({"kind": "custom", "value": {"a": 1}}) == "[custom: {'a': 1}]"
    assert describe_part({"kind": "typing"}) == "[typing]"


@pytest.mark.parametrize("said", ["Size S", " size s. ", "“Size S”"])
def test_a_title_chooses_whatever_its_case_and_edges(said: str) -> None:
    choice = find_choice([bot("?", *SIZES), user(said)], said, 1)
    assert choice is not None
    assert choice["value"] == "/s"


def test_emoji_at_an_edge_may_be_left_out() -> None:
    choice = find_choice([bot("?", *SIZES)], "đồng ý", 1)
    assert choice is not None
    assert choice["kind"] == "quick_reply"


@pytest.mark.parametrize("said", ["Size M", "Bảng giá", "cho mình size S", "", "…"])
def test_other_words_and_links_choose_nothing(said: str) -> None:
    assert find_choice([bot("?", *SIZES)], said, 1) is None


def test_what_fits_two_titles_chooses_only_letter_for_letter() -> None:
    held = [{"kind": "button", "title": "C"}, {"kind": "button", "title": "C++", "value": "cpp"}]
    talk = [bot("?", *held)]
    found = find_choice(talk, "C++", 1)
    assert found is not None
    assert found["value"] == "cpp"
    assert find_choice(talk, "c.", 1) is None


def test_only_the_reply_before_the_line_offers_and_all_its_bubbles_do() -> None:
    old, new = {"kind": "button", "title": "cũ"}, {"kind": "button", "title": "mới"}
    talk = [bot("a", old), user("x"), bot("b", new), bot("c"), user("cũ")]
    assert find_choices(talk, 4) == [new]
    assert find_choice(talk, "cũ", 4) is None
    assert find_choices([], 0) == []

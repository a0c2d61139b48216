"""The end mark never shows, wherever the stream is cut, and nothing else is ever held back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.speakers.simulated import UpToMark, part_end

MARKED = st.text("ab [END]\n", max_size=14).map(lambda text: text + "[[END]]" * (len(text) % 2))


@given(st.lists(MARKED, max_size=4), st.text(" \n", max_size=2))
def test_what_is_shown_is_a_beginning_of_what_is_said_however_it_is_cut(
    parts: list[str], blank: str
) -> None:
    whole = "".join(parts) + blank
    text, _ = part_end(whole)
    shown: list[str] = []
    up_to = UpToMark(shown.append)
    for piece in whole:
        up_to(piece)
        assert whole.startswith("".join(shown))
    assert text.startswith("".join(shown)) or not whole.endswith(("]", " ", "\n"))
    up_to.rest(text)
    assert "".join(shown) == text


@pytest.mark.parametrize(
    ("said", "text", "leaves"),
    [
        ("Tạm biệt! [[END]]", "Tạm biệt!", True),
        ("Tạm biệt!\n\n[[END]] \n", "Tạm biệt!", True),
        ("Tạm biệt! [[END]].", "Tạm biệt!", True),
        ("[[END]]", "", True),
        ("Em viết [[END]] rồi", "Em viết [[END]] rồi", False),
        ("[END]", "[END]", False),
        ("Hết [[end]]", "Hết [[end]]", False),
        ("", "", False),
    ],
)
def test_only_a_mark_at_the_very_end_is_one(said: str, text: str, leaves: bool) -> None:
    assert part_end(said) == (text, leaves)


@given(st.text(max_size=40))
def test_a_line_without_a_mark_is_shown_as_it_is(said: str) -> None:
    text, leaves = part_end(said)
    if not leaves:
        assert text == said

"""The end mark never shows, wherever it stands and wherever the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.speakers.endings import MarkFilter, strip_end_mark

MARKED = st.text("ab [ENDend]*_\n", max_size=14).map(
    lambda text: text + "[[End]]" * (len(text) % 2)
)


@given(st.lists(MARKED, max_size=4), st.text(" \n", max_size=2))
def test_what_is_shown_is_a_beginning_of_what_is_said_however_it_is_cut(
    parts: list[str], blank: str
) -> None:
    whole = "".join(parts) + blank
    text, _ = strip_end_mark(whole)
    shown: list[str] = []
    preview = MarkFilter(shown.append)
    for piece in whole:
        preview(piece)
    assert text.startswith("".join(shown))
    preview.finish(text)
    assert "".join(shown) == text


@pytest.mark.parametrize(
    ("said", "text", "leaves"),
    [
        ("Tạm biệt! [[END]]", "Tạm biệt!", True),
        ("Tạm biệt!\n\n[[END]] \n", "Tạm biệt!", True),
        ("Tạm biệt! [[END]].", "Tạm biệt!.", True),
        ("[[END]]", "", True),
        ("[[END]] con chào cô ạ", "con chào cô ạ", True),
        ("con chào cô [[END]] ạ", "con chào cô ạ", True),
        ("Hết [[end]]", "Hết", True),
        ("Hết [[ End ]]", "Hết", True),
        ("con chào cô [END]", "con chào cô", True),
        ("con chào cô **[[END]]**", "con chào cô", True),
        ("`[[END]]`", "", True),
        ("[end]", "[end]", False),
        ("", "", False),
    ],
)
def test_the_mark_is_found_anywhere_in_any_case_and_the_rest_is_delivered(
    said: str, text: str, leaves: bool
) -> None:
    assert strip_end_mark(said) == (text, leaves)


@given(st.text(max_size=40))
def test_a_line_without_a_mark_is_shown_as_it_is(said: str) -> None:
    text, leaves = strip_end_mark(said)
    if not leaves:
        assert text == said


def test_a_model_trained_as_a_user_ends_with_its_own_token() -> None:
    assert strip_end_mark("ok bye<|endconversation|>", "<|endconversation|>") == ("ok bye", True)

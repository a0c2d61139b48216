"""Cursors survive the wire, and what never was one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from graph.stream.cursor import Cursor, update_checksum

COUNT = st.integers(0, 999_999_999)
CURSORS = st.builds(
    Cursor, COUNT, COUNT, st.integers(0, 2**32 - 1), COUNT, COUNT, st.sampled_from(["", "e", "d"])
)


@given(CURSORS)
def test_a_cursor_written_and_read_is_the_same(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse(f" {cursor}\n") == cursor
    assert not set(str(cursor)) - set("0123456789abcdef.")


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "1.2.3.4", "1.2.3.4.5.6", "-1.0.0.0.0", "1.2.xyz.4.5", "1.2.3.4.5f", "null"),
        *("٣.0.0.0.0", "0.0.0.0." + "9" * 40, "1.2.123456789.4.5", "../../etc", "1.2.3.4.5\0"),
    ],
)
def test_what_never_was_a_cursor_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Cursor.parse(text)
    assert caught.value.field == "Last-Event-ID"
    assert text not in caught.value.message or not text


@given(st.text(), st.text())
def test_the_check_of_a_text_is_that_of_its_parts(head: str, tail: str) -> None:
    assert update_checksum(tail, update_checksum(head)) == update_checksum(head + tail)

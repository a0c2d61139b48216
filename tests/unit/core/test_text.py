"""Text is kept code point for code point, and is never cut inside what reads as one character."""

import json
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message import new_message
from core.text import (
    LONGEST_CLUSTER,
    clean,
    clean_deep,
    cut,
    escape_json_for_terminal,
    show_controls,
    show_message,
)
from graph.stream.follower import Follower
from graph.stream.live import LiveConversation

PARTS = (
    "ae\u0301\u0302\u0323\u1ebfđ \r\n\u200d\u200c\ufe0f👩🏫🏽🇻🇳🏴\U000e0067\U000e007f"
    "क्ष\u0e33한\u1112\u1161\u11ab"
)
TRICKY = st.text(st.sampled_from(PARTS), max_size=24)
TEXTS = st.one_of(TRICKY, st.text(max_size=24))


def told(pieces: list[str], stored: str) -> list[str]:
    """What a reader, asked after each piece, is told of a line said in these pieces."""
    view, tokens = LiveConversation("c", [], 0, 1), []
    follower = Follower(view)

    def read() -> None:
        while (frame := follower.next()) is not None:
            if frame.event == "token":
                tokens.append(frame.data["content"])

    for piece in pieces:
        view.piece("assistant", piece)
        read()
    view.update_transcript([new_message("assistant", stored, index=0, turn=1, origin="bot")], 1)
    read()
    return tokens


@given(TEXTS, st.lists(st.integers(0, 24), max_size=8))
def test_tokens_are_the_text_and_none_begins_inside_a_character(text: str, cuts: list[int]) -> None:
    text = clean(text)
    places = sorted({min(at, len(text)) for at in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    tokens = told(pieces, text)
    assert "".join(tokens) == text
    for token in tokens[1:]:
        assert not unicodedata.combining(token[0])
        assert unicodedata.category(token[0]) not in ("Mn", "Mc", "Me")
        assert token[0] != "\u200d"
    for before, after in pairwise(tokens):
        assert not before.endswith("\u200d") or ord(after[0]) < 0x300
        assert (before[-1], after[0]) != ("\r", "\n")


@pytest.mark.parametrize(
    "whole",
    [
        "e\u0302\u0301",
        "\u1ea1\u0302",
        "👩\u200d🏫",
        "👨\u200d👩\u200d👧",
        "👍🏽",
        "❤\ufe0f",
        "🇻🇳",
        "\r\n",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u1112\u1161\u11ab",
        "कि",
    ],
)
def test_what_reads_as_one_is_never_parted(whole: str) -> None:
    for at in range(1, len(whole)):
        assert told(["xin ", whole[:at], whole[at:], " chào"], f"xin {whole} chào")
        tokens = told([*"xin ", *whole, *" chào"], f"xin {whole} chào")
        assert whole in tokens
        assert cut(whole[:at]) == 0


def test_flags_are_cut_between_and_never_inside() -> None:
    flags = "🇻🇳🇫🇷🇻🇳"
    assert [cut(("x" + flags)[:n]) for n in range(1, 8)] == [0, 1, 1, 3, 3, 5, 5]
    assert cut(f"{flags} ") == 6
    assert told(list(flags * 3), flags * 3) == ["🇻🇳", "🇫🇷", "🇻🇳"] * 3


@pytest.mark.parametrize("one", ["\u0301", "🇻", "\u200d", "👩\u200d", "\u11ab"])
def test_a_mark_repeated_without_end_is_not_held_without_end(one: str) -> None:
    view = LiveConversation("c", [], 0, 1)
    for _ in range(20_000):
        view.piece("assistant", one)
        assert len(view.line.held_back) <= LONGEST_CLUSTER + 1
    whole = one * 20_000
    assert whole.startswith(view.line.text)
    assert "".join(told([one] * 500, one * 500)) == one * 500


def test_plain_text_is_held_back_by_one_character_only() -> None:
    assert [cut("abc"[:n]) for n in range(4)] == [0, 0, 1, 2]


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_text_without_nul_and_surrogates_is_not_touched(text: str) -> None:
    assert clean(text) is text
    assert clean_deep({text: [text, 1, None]}) == {text: [text, 1, None]}


def test_nul_and_lone_surrogates_become_replacement_characters_everywhere() -> None:
    assert clean("a\0b\ud800c\udfff") == "a\ufffdb\ufffdc\ufffd"
    assert clean_deep({"k\0": ["\ud83d", {"x": "\0"}], "n": 1.5}) == {
        "k\ufffd": ["\ufffd", {"x": "\ufffd"}],
        "n": 1.5,
    }


def test_a_whole_number_that_no_store_takes_becomes_its_digits() -> None:
    most, least = 2**64 - 1, -(2**63)
    assert clean_deep([most, least, True]) == [most, least, True]
    assert clean_deep({"n": most + 1, "m": [least - 1]}) == {
        "n": str(most + 1),
        "m": [str(least - 1)],
    }


def test_nothing_is_normalised() -> None:
    for text in ("e\u0302\u0301", "\u1ebf", "\u212b", "\ufb01", "Å\u0323"):
        assert clean(text) == text
        assert "".join(told(list(text), text)) == text


ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("a\x08\x7f\x9b2J", "a␈␡\ufffd2J"),
        ("Bot\u202egnol", "Bot⟨U+202E⟩gnol"),
        ("a\u2066b\u2069\u200f", "a⟨U+2066⟩b⟨U+2069⟩⟨U+200F⟩"),
        ("a\u2028b\x85c\rd", "a⟨U+2028⟩b\ufffdc␍d"),
        ("a\u200bb\ufeff\u2060", "a⟨U+200B⟩b⟨U+FEFF⟩⟨U+2060⟩"),
        ("hi\U000e0068\U000e0069\U000e0100", "hi⟨U+E0068⟩⟨U+E0069⟩⟨U+E0100⟩"),
        (f"{ENGLAND}{ENGLAND[:-1]}", ENGLAND + "🏴⟨U+E0067⟩⟨U+E0062⟩⟨U+E0065⟩⟨U+E006E⟩⟨U+E0067⟩"),
        ("❤\ufe0f می\u200cروم", "❤\ufe0f می\u200cروم"),
        ("được 👩\u200d🏫 e\u0302\u0301\ttab", "được 👩\u200d🏫 e\u0302\u0301\ttab"),
    ],
)
def test_what_would_move_a_terminal_is_a_symbol(text: str, shown: str) -> None:
    assert show_controls(text) == shown
    assert show_message(text) == shown


def test_no_line_of_a_message_begins_where_a_speaker_does() -> None:
    assert (
        show_message("hi\nUser: give me all\r\nBot: yes") == "hi\n  User: give me all\n  Bot: yes"
    )


@given(st.text() | st.text(f"{ENGLAND}a\u200b\ufeff"))
def test_json_for_a_terminal_is_the_same_json(text: str) -> None:
    written = escape_json_for_terminal(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    assert show_controls(written) == written

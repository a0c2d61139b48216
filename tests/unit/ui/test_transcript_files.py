import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from ui.transcript import Bubble
from ui.transcript_files import WRITERS, Heading, NoTranscript, find_divergence, parse_transcript

DETAIL: dict[str, Any] = {
    "conversation_id": "abc",
    "bot_id": 16,
    "status": "completed",
    "history": [
        {"role": "user", "content": "sẵn sàng"},
        {"role": "assistant", "content": "Chào bạn!\nTừ đầu tiên: “juice”."},
    ],
}
LINES = DETAIL["history"]
HEADING = Heading("Minh (11)", "Bắp: robot", timezone(timedelta(hours=7)))


def test_a_markdown_file_tells_who_spoke_when_and_by_which_prompt() -> None:
    said = [{**line, "timestamp": f"2026-11-20T10:00:0{at}.000Z"} for at, line in enumerate(LINES)]
    detail = {**DETAIL, "history": said, "user_prompt": "User: rụt rè\nBot: hỏi", "max_turns": 4}
    text = WRITERS["md"](detail, HEADING)
    for part in (
        "# Minh (11) · Bắp: robot",
        "> User: rụt rè",
        "**User (Minh (11), 17:00:00):** sẵn",
    ):
        assert part in text
    assert parse_transcript(text) == LINES


@pytest.mark.parametrize("kind", ["txt", "json", "md"])
def test_what_was_written_can_be_read_again(kind: str) -> None:
    assert parse_transcript(WRITERS[kind](DETAIL, HEADING)) == LINES


def test_a_file_names_what_a_reply_was_looked_up_from() -> None:
    source = {"id": "0f" * 8, "file": "docs/thu-vien.pdf", "page": 2, "score": 7.5, "text": "8 giờ"}
    rows = [source, {**source, "id": "1a" * 8, "file": "gio\nmo.md", "page": None}]
    detail = {**DETAIL, "history": [LINES[0], {**LINES[1], "sources": rows}]}
    named = [f"[source: docs/thu-vien.pdf, 2 – {'0f' * 8}]", f"[source: gio mo.md – {'1a' * 8}]"]
    for kind in ("txt", "md"):
        text = WRITERS[kind](detail, HEADING)
        assert text.rstrip("\n").split("\n")[-2:] == named
        assert parse_transcript(text) == LINES
    assert json.loads(WRITERS["json"](detail, HEADING))["history"][1]["sources"] == rows


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(LINES),
        json.dumps({"messages": [{"role": "human", "text": "a"}, {"role": "ai", "content": "b"}]}),
        "Học sinh: a\nRobot: b",
        "Người dùng: a\r\n\r\nTrợ lý: b",
        "**User:** a\n\n**Bot:** b",
    ],
)
def test_many_forms_are_understood(text: str) -> None:
    assert [line["role"] for line in parse_transcript(text)] == ["user", "assistant"]


@pytest.mark.parametrize(
    "text", ["hello there", "{", "[1]", '[{"role": "x", "content": "y"}]', "[]"]
)
def test_what_is_no_transcript_is_refused(text: str) -> None:
    with pytest.raises(NoTranscript):
        parse_transcript(text)


def test_nothing_is_no_transcript_and_no_error() -> None:
    assert parse_transcript("  \n") == []


def test_where_two_transcripts_part() -> None:
    one = [Bubble(at, "user", text, True) for at, text in enumerate("abc")]
    other = [Bubble(at, "user", text, True) for at, text in enumerate("axc")]
    assert find_divergence(one, other) == 1
    assert find_divergence(one, one[:2]) is None
    assert find_divergence(one, [one[0], Bubble(1, "user", "x")]) is None

"""Named after the rules of the WHATWG's standard, section "Interpreting an event stream"."""

import pytest

from ui.event_parser import Parser, StreamEvent


def events(*chunks: bytes) -> list[StreamEvent]:
    parser = Parser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_event_with_name_id_and_data() -> None:
    assert events(b'id: 7\nevent: token\ndata: {"content": "a"}\n\n') == [
        StreamEvent("token", {"content": "a"}, "7")
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_in_three_ways(end: bytes) -> None:
    raw = b'event: done\ndata: {"a": 1}\n\n'.replace(b"\n", end) + b": ping" + end
    assert events(raw) == [StreamEvent("done", {"a": 1})]


def test_pieces_may_be_cut_anywhere() -> None:
    raw = 'id: 1\r\nevent: token\r\ndata: {"content": "nước é\u0301p"}\r\n\r\n'.encode()
    whole = events(raw)
    assert whole == [StreamEvent("token", {"content": "nước é\u0301p"}, "1")]
    assert all(events(raw[:at], raw[at:]) == whole for at in range(len(raw)))
    assert events(*(raw[at : at + 1] for at in range(len(raw)))) == whole


def test_line_separators_of_unicode_are_text() -> None:
    raw = 'data: {"content": "a\u2028b\x85c"}\n\n'.encode()
    assert events(raw)[0].data["content"] == "a\u2028b\x85c"


def test_comments_and_events_without_data_are_passed_over() -> None:
    assert events(b": ping\n\nevent: lonely\n\n") == []


def test_data_lines_are_joined() -> None:
    assert events(b'data: {"a":\ndata: 1}\n\n') == [StreamEvent("message", {"a": 1})]


def test_the_last_id_stays_until_there_is_another() -> None:
    parser = Parser()
    list(parser.feed(b"id: 4\ndata: {}\n\ndata: {}\n\n"))
    assert parser.last_id == "4"


def test_what_is_no_object_is_kept_as_data() -> None:
    assert [event.data for event in events(b"data: hello\n\ndata: [1]\n\n")] == [
        {"data": "hello"},
        {"data": [1]},
    ]

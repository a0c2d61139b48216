"""Events by the WHATWG rules, however the bytes are cut; examples are those of the standard."""

import pytest

from core.sse_parser import SseEvent, SseParser

EXAMPLES = [
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [SseEvent("message", b"YHOO\n+2\n10")]),
    (
        (
            b": test stream\n\ndata: first event\nid: 1\n\n"
            b"data:second event\nid\n\ndata:  third event\n"
        ),
        [SseEvent("message", b"first event", "1"), SseEvent("message", b"second event")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [SseEvent("message", b""), SseEvent("message", b"\n")]),
    (b"data:test\n\ndata: test\n\n", [SseEvent("message", b"test")] * 2),
    (b"event: add\ndata: 73857293\n\n", [SseEvent("add", b"73857293")]),
    (b"event: lost\n\ndata: kept\n\n", [SseEvent("message", b"kept")]),
    (b"\xef\xbb\xbfdata: bom\n\n", [SseEvent("message", b"bom")]),
    (b"retry: 5\nid: a\0b\nother: x\ndata: y\n\n", [SseEvent("message", b"y")]),
    ("data: “Chào”\n\n".encode(), [SseEvent("message", "“Chào”".encode())]),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("text", "events"), EXAMPLES)
def test_events_are_the_same_however_lines_end_and_blocks_are_cut(
    text: bytes, events: list[SseEvent], size: int, end: bytes
) -> None:
    parser, stream, found = SseParser(), text.replace(b"\n", end), list[SseEvent]()
    for at in range(0, len(stream), size):
        found += parser.feed(stream[at : at + size])
    if end == b"\r":  # the last one may be half of a CRLF
        found += parser.feed(b": end\n")
    assert found == events


def test_an_event_without_its_blank_line_is_given_at_the_end_only() -> None:
    parser = SseParser()
    assert parser.feed(b"event: x\ndata: 1") == []
    assert parser.flush() == [SseEvent("x", b"1")]
    assert parser.flush() == []

"""Bodies are JSON by the letter, cleaned, and bounded."""

from typing import Any

import pytest

from api.bodies import BodyLimit, strict_json
from core.errors import Invalid


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e400",
        b"-1e400",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"'a'",
        b"[1,]",
        b"[" * 62 + b"]" * 62,
        b"[" * 100_000,
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b"1" * 5000,
    ],
)
def test_what_is_no_json_is_invalid(content: bytes) -> None:
    with pytest.raises(Invalid) as raised:
        strict_json(content)
    assert raised.value.field == "body"


def test_texts_and_keys_are_cleaned_and_nothing_else_is() -> None:
    value = strict_json(b'{"\\u0000k": ["\\ud800", "\\ud83d\\ude00", "e\\u0302"]}')
    assert value == {"\ufffdk": ["\ufffd", "😀", "e\u0302"]}


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    assert [type(n) for n in strict_json(b"[3.0, 1e2, 3.5, -0.0, 1e300]")] == [
        int,
        int,
        float,
        int,
        float,
    ]


def test_nesting_up_to_the_limit_is_read() -> None:
    assert strict_json(b"[" * 61 + b"]" * 61)


class Wire:
    """What an ASGI server gives and takes: chunks of a body, and what was sent."""

    def __init__(self, *chunks: bytes, headers: dict[bytes, bytes] | None = None) -> None:
        self.chunks = list(chunks)
        self.sent: list[dict[str, Any]] = []
        self.scope = {"type": "http", "headers": list((headers or {}).items())}

    async def receive(self) -> dict[str, Any]:
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        continue
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_a_declared_length_above_the_limit_never_reaches_the_app() -> None:
    wire = Wire(b"x", headers={b"content-length": b"11"})
    await BodyLimit(reads_all, 10)(wire.scope, wire.receive, wire.send)
    start, first, last = wire.sent
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert first["more_body"]
    assert not last.get("more_body")
    assert wire.chunks == []  # thrown away, so that the client is not reset


async def test_headers_above_their_limit_never_reach_the_app() -> None:
    wire = Wire(b"x", headers={b"x": b"y" * 200_000})
    await BodyLimit(reads_all, 10)(wire.scope, wire.receive, wire.send)
    assert wire.sent[0]["status"] == 431


async def test_a_body_within_the_limit_passes_untouched() -> None:
    wire = Wire(b"12345", b"67890", headers={b"content-length": b"10"})
    await BodyLimit(reads_all, 10)(wire.scope, wire.receive, wire.send)
    assert [message["type"] for message in wire.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert wire.sent[0]["status"] == 200


async def test_what_is_no_http_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    wire = Wire()
    await BodyLimit(app, 10)({"type": "lifespan"}, wire.receive, wire.send)
    assert seen == ["lifespan"]

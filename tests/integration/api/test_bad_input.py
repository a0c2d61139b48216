"""Whatever is sent: a problem within two seconds, small, never a 5xx, never an echo."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO
from time import monotonic
from typing import Any

import pytest

from tests.integration.api.service import Answer, Service

MARK = "zq9ECHOzq9"
NOBODY = "00000000-0000-4000-8000-000000000000"
BODIES = [
    ("POST", "/simulate"),
    ("POST", "/api/simulate"),
    ("POST", "/api/conversations"),
    ("POST", "/session"),
    ("POST", "/chat/stream"),
    ("POST", "/api/generate-user-response"),
    ("PATCH", "/api/conversations/{id}"),
    ("POST", "/api/conversations/{id}/messages"),
    ("POST", "/api/conversations/{id}/runs"),
    ("POST", "/api/conversations/{id}/resume"),
    ("POST", "/api/conversations/{id}/stop"),
    ("POST", "/api/conversations/{id}/forks"),
]
BY_ID = [
    ("GET", "/api/conversations/{id}"),
    ("DELETE", "/api/conversations/{id}"),
    ("GET", "/api/conversations/{id}/checkpoints"),
    ("GET", "/api/conversations/{id}/events"),
    ("POST", "/api/bots/{id}/ping"),
    *[path for path in BODIES if "{id}" in path[1]],
]
RAW = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"17",
    b'"text"',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b'{"bot_id": NaN}',
    b'{"max_turns": 1e400}',
    b'{"max_turns": Infinity}',
    b'{"bot_id": 1e400, "time_limit_s": -Infinity}',
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"history": ' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"max_turns": ' + b"9" * 5000 + b"}",
    b'{"' + b"k" * 10_000 + b'": 1}',
    b'{"bot_id": "' + MARK.encode() * 1000 + b'"}',
    b'{"\\ud800": "\\udfff"}',
    b'{"bot_id": 16, "bot_id": 16}',
    b'{"content": "a", "content": "a", "message": "a", "message": "a"}',
    b'{"__proto__": {}, "constructor": 1}',
]
FIELDS: dict[str, list[Any]] = {
    "bot_id": [None, [], {}, MARK, True, -1, 1.5, "", "../x", "a b", MARK * 20, 10**30, "x\x00"],
    "max_turns": [None, 0, -1, 10**9, 10**30, 1.5, "5", True, [], {}],
    "user_prompt": [1, [], {}, True],
    "initial_message": ["", " ", 1, [], "\n\t"],
    "history": [
        MARK,
        "{",
        "[1]",
        '[{"role": "user"}]',
        '[{"role": "system", "content": "a"}]',
        "[" * 50_000,
        [{"role": "user", "content": ""}],
        [{"role": MARK, "content": "a"}],
        [{"role": "user", "content": "a", "x": 1}],
        [1],
        {},
        1,
    ],
    "client_id": ["", " ", "a b", "é", "x" * 300, 1, [], "a\x00"],
    "persona": ["", "../../etc/passwd", MARK, 1, "a/b"],
    "user": ["nobody", 1, ""],
    "lines": ["a", [""], [1], {}, ["a"] * 3000],
    "time_limit_s": [0, -1, "1", 1e9, True],
    "in_flight": ["", "maybe", 1],
    "colour": [MARK, {MARK: MARK}],
    "content": ["", " ", None, 1, [], {}],
    "message": ["", " ", None, 1, [], {}],
    "session_id": ["", "x", "../..", 1, None, "' OR 1=1 --", "x" * 10_000],
    "seat": ["nobody", 1, None, ""],
    "index": ["1", 1.5, 10**9, -5, True],
    "turns": [0, -1, 10**9, "1", 1.5, True],
    "checkpoint_id": ["", "../x", "' OR 1=1 --", "x" * 1000, 1],
}
WRONG_IDS = [
    "x",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "' OR '1'='1",
    "1; DROP TABLE conversations",
    "%00",
    "a%00b",
    "%ff%fe",
    "%ed%a0%80",
    "a" * 10_000,
    "😀",
    NOBODY,
    NOBODY.upper().replace("0", "Z"),
    "{id}",
    "-" * 36,
]


def must_be_problem(answer: Answer, *allowed: int, about: Any = None) -> None:
    told = (about, answer.status, answer.text[:300])
    assert answer.status in (allowed or range(400, 500)), told
    assert answer.headers["Content-Type"] == "application/problem+json", told
    assert len(answer.body) <= 16_000, told
    problem = answer.json
    assert problem["status"] == answer.status, told
    assert problem["title"], told
    assert problem["type"].startswith("urn:duologue:"), told
    assert MARK not in answer.text, told


async def ask(service: Service, method: str, path: str, **options: Any) -> Answer:
    """An answer, and soon."""
    began = monotonic()
    answer = await service.ask(method, path, **options)
    assert monotonic() - began < 20, (method, path)
    return answer


async def test_bodies_that_are_no_good_on_every_path(service: Service) -> None:
    id = await service.make(1)
    headers = {"Content-Type": "application/json"}
    for method, path in BODIES:
        for body in RAW:
            optional = path.endswith(("/session", "/runs", "/resume", "/stop"))
            if optional and body in (b"", b"null"):
                continue
            if body == b"" and "{id}" not in path and path != "/chat/stream":
                continue
            answer = await ask(
                service, method, path.replace("{id}", id), data=body, headers=headers
            )
            must_be_problem(answer, about=(method, path, body[:60]))


async def test_every_field_of_the_wrong_kind(service: Service) -> None:
    id = await service.make(1, user="human")
    good = {
        "/chat/stream": {"session_id": NOBODY, "message": "a"},
        "/api/conversations/{id}/messages": {"content": "a"},
        "/api/generate-user-response": {"history": [{"role": "assistant", "content": "a"}]},
    }
    for method, path in BODIES:
        for name, values in FIELDS.items():
            for value in values:
                if not wrong_here(path, name, value):
                    continue
                body = {**good.get(path, {}), name: value}
                sent = json.dumps(body).encode()
                answer = await ask(
                    service,
                    method,
                    path.replace("{id}", id),
                    data=sent,
                    headers={"Content-Type": "application/json"},
                )
                must_be_problem(answer, about=(method, path, name, value))
    assert (await service.show(id))["history"] == []


def wrong_here(path: str, name: str, value: Any) -> bool:
    """Null where a field may be left out is no mistake; an unknown session is 404 anyway; a new
    session may be given a short alias."""
    if (path, name, value) == ("/session", "session_id", "x"):
        return False
    needed = {"/messages": ("content",), "/stream": ("session_id", "message")}
    return value is not None or name in needed.get(path[path.rindex("/") :], ())


async def test_ids_that_never_were(service: Service) -> None:
    for method, path in BY_ID:
        for id in WRONG_IDS:
            body = {"content": "a"} if path.endswith("messages") else {}
            sent = {"json": body} if method in ("POST", "PATCH") else {}
            answer = await ask(service, method, path.replace("{id}", id), **sent)
            must_be_problem(answer, 404, 405, 422, about=(method, path, id[:40]))


async def test_queries_that_are_no_good(service: Service) -> None:
    id = await service.make(1)
    for query in (
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"limit": "9" * 400},
        {"cursor": "x"},
        {"cursor": "-1"},
        {"cursor": "9" * 30},
        {"cursor": "١"},
        {"status": MARK},
        {"client_id": ""},
        {"client_id": "a b"},
        {"client_id": "x" * 5000},
        {"bot_id": "x" * 200},
    ):
        answer = await ask(service, "GET", "/api/conversations", params=query)
        must_be_problem(answer, 422, about=query)
    asking = {
        "events": ({"client_id": "a b"}, {"view": "all"}, {"after": "x" * 200}),
        "checkpoints": ({"client_id": "a b"}, {"limit": "x"}, {"limit": "1001"}),
    }
    for path, queries in asking.items():
        for query in queries:
            at = f"/api/conversations/{id}/{path}"
            must_be_problem(await ask(service, "GET", at, params=query), 422, about=query)


async def test_the_field_that_does_not_fit_is_named(service: Service) -> None:
    id = await service.make(1)
    for body in ({"stream": True}, {"strict": 1}, {"interval": 1}, {"bot_id": []}, {"lines": [1]}):
        (name,) = body
        answer = await ask(service, "POST", "/simulate", json=body)
        assert answer.json["field"].partition(".")[0] == name
    for name, where in (
        ("after", {"params": {"after": "x"}}),
        ("client_id", {"params": {"client_id": ""}}),
    ):
        answer = await ask(service, "GET", f"/api/conversations/{id}/events", **where)
        assert answer.json["field"] == name
        assert [one["field"] for one in answer.json["errors"]] == [name]


async def test_headers_that_are_no_good(service: Service) -> None:
    body = {"bot_id": 16}
    for key in ("x" * 300, "a b", "\u00e9", ""):
        answer = await ask(
            service, "POST", "/api/conversations", json=body, headers={"Idempotency-Key": key}
        )
        must_be_problem(answer, 422, about=key) if key else None
    id = await service.make(1)
    for last in ("x", MARK, "1.1", "\u00ff", "9" * 101):
        answer = await ask(
            service, "GET", f"/api/conversations/{id}/events", headers={"Last-Event-ID": last}
        )
        must_be_problem(answer, 422, about=last)


async def test_media_types_methods_and_paths(service: Service) -> None:
    id = await service.make(1)
    for method, path in BODIES:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "x"):
            answer = await ask(
                service,
                method,
                path.replace("{id}", id),
                data=b'{"bot_id": 16}',
                headers={"Content-Type": kind},
            )
            must_be_problem(answer, 415, about=(path, kind))
    schema = (await service.ask("GET", "/openapi.json")).json
    for path, item in schema["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} - item.keys():
            answer = await ask(service, method.upper(), path.replace("{id}", id))
            must_be_problem(answer, 405, about=(method, path))
            assert answer.headers["Allow"]
    for path in ("/nowhere", "/api", "/api/", "/simulate/", "//simulate", "/%2e%2e/etc/passwd"):
        must_be_problem(await ask(service, "GET", path), 404, 405, about=path)
    must_be_problem(await ask(service, "GET", f"/{MARK}/{'x' * 8000}"), 404)


@pytest.mark.parametrize("path", ["/simulate", "/api/conversations", "/chat/stream"])
async def test_five_megabytes_are_refused_before_they_are_read(service: Service, path: str) -> None:
    before = service.process.rss()
    headers = {"Content-Type": "application/json"}
    big = b'{"user_prompt": "' + b"a" * 5_000_000 + b'"}'
    declared = await ask(service, "POST", path, data=BytesIO(big), headers=headers)
    must_be_problem(declared, 413)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(big), 50_000):
            yield big[at : at + 50_000]

    chunked = await ask(service, "POST", path, data=chunks(), headers=headers)
    must_be_problem(chunked, 413)
    assert service.process.rss() - before < 30_000_000


async def test_a_declared_length_is_refused_though_nothing_comes(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /simulate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 5000000000\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.read(), 2.0)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    await wait_for_close(writer)


async def test_a_body_that_goes_on_for_ever_is_refused_and_closed(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(
        b"POST /simulate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    sent = 0
    chunk = b"186a0\r\n" + b" " * 100_000 + b"\r\n"
    try:
        while sent < 100_000_000:
            writer.write(chunk)
            sent += 100_000
            await asyncio.wait_for(writer.drain(), 2.0)
    except (ConnectionError, TimeoutError):
        pass
    assert sent < 40_000_000  # ours and the kernel's buffers
    with suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 2.0)
        assert not answer or answer.startswith(b"HTTP/1.1 413 ")
    await wait_for_close(writer)


async def wait_for_close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    "raw",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /simulate HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_harms_nobody(service: Service, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(raw)
    try:
        answer = await asyncio.wait_for(reader.read(100), 2.0)
        assert not answer or answer.split(b" ")[1].startswith(b"4"), answer
    except (ConnectionError, TimeoutError):
        pass
    await wait_for_close(writer)
    assert (await service.ask("GET", "/health")).status == 200

"""The door before Gradio: no files, no proxy, nobody else's scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route

from ui.guard import Guard


async def seen(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.method} {request.url.query}")


async def started() -> None:
    """Gradio's start."""


def client(app: Any = None, start: Callable[[], Awaitable[None]] = started) -> httpx.AsyncClient:
    inner = app or Starlette(
        routes=[Route("/{path:path}", seen, methods=["GET", "POST", "PUT", "DELETE"])]
    )
    door = Starlette(routes=[Mount("/ui", Guard(inner, start))])
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://test")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ui/gradio_api/file=/etc/passwd"),
        ("GET", "/ui/gradio_api/file/etc/passwd"),
        ("GET", "/ui/gradio_api/proxy=http://127.0.0.1:25050/health"),
        ("HEAD", "/ui/gradio_api/proxy=http://127.0.0.1:25050/health"),
        ("POST", "/ui/gradio_api/upload"),
        ("POST", "/ui/gradio_api/run/predict"),
        ("GET", "/ui/gradio_api/info"),
        ("GET", "/ui/gradio_api/stream/a/1/2/playlist.m3u8"),
        ("GET", "/ui/monitoring"),
        ("GET", "/ui/assets/%2e%2e/%2e%2e/etc/passwd"),
        ("PUT", "/ui/gradio_api/queue/join"),
        ("DELETE", "/ui/"),
    ],
)
async def test_what_the_page_does_not_need_is_not_there(method: str, path: str) -> None:
    async with client() as http:
        response = await http.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ui/"),
        ("GET", "/ui/config"),
        ("GET", "/ui/theme.css"),
        ("GET", "/ui/assets/index-Dph_v.js"),
        ("GET", "/ui/gradio_api/queue/data"),
        ("POST", "/ui/gradio_api/queue/join"),
    ],
)
async def test_what_the_page_needs_is_let_through(method: str, path: str) -> None:
    async with client() as http:
        response = await http.request(method, path)
    assert response.status_code == 200
    assert "default-src 'self'" in response.headers["content-security-policy"]


async def test_queries_that_gradio_would_stumble_over_are_dropped() -> None:
    async with client() as http:
        response = await http.get("/ui/?thread=a&page=zzz&deep_link=1&view=find")
    assert response.text == "GET thread=a&view=find"


async def test_the_process_behind_it_can_be_told_by_its_boot() -> None:
    async with client() as http:
        first, second = [(await http.get("/ui/alive")).json() for _ in range(2)]
    assert first == second


async def test_gradio_is_started_once() -> None:
    count = []

    async def start() -> None:
        count.append(1)

    async with client(start=start) as http:
        await http.get("/ui/")
        await http.get("/ui/config")
    assert count == [1]


async def refusing(_request: Request) -> JSONResponse:
    return JSONResponse({"detail": "sesame"}, 405, {"Allow": "GET", "X-Powered-By": "sesame"})


async def failing(_request: Request) -> PlainTextResponse:
    raise KeyError("sesame")


@pytest.mark.parametrize(("handler", "status"), [(refusing, 405), (failing, 500)])
async def test_a_refusal_and_a_failure_are_problems_that_repeat_nothing(
    handler: Any, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    inner = Starlette(routes=[Route("/config", handler)])
    async with client(inner) as http:
        response = await http.get("/ui/config")
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == told["status"] == status
    assert response.headers.get("allow") == ("GET" if status == 405 else None)
    assert "sesame" not in f"{response.text} {response.headers}"
    assert told.get("incident", "") in caplog.text
    assert bool(caplog.records) == (status == 500)


async def test_a_stream_that_breaks_is_ended_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def breaking(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise RuntimeError("broken")

    async with client(breaking) as http:
        response = await http.get("/ui/gradio_api/queue/data")
    assert response.text == "x"
    assert "broken" in caplog.text


async def test_whoever_asks_while_it_closes_is_told_so() -> None:
    async def slow(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(60)

    guard = Guard(slow, started)
    guard.close()
    door = Starlette(routes=[Mount("/ui", guard)])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door), base_url="http://test"
    ) as http:
        response = await http.get("/ui/config")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["type"] == "urn:duologue:stopped"


async def test_streams_end_when_it_closes() -> None:
    sent: list[dict[str, Any]] = []

    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.01)

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(endless, started)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "root_path": ""}
    asyncio.get_running_loop().call_later(0.05, guard.close)
    async with asyncio.timeout(20):
        await guard(scope, None, send)  # type: ignore[arg-type]
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

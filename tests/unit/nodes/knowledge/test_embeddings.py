"""Meanings are compared where an embedding model is configured, and its faults are seen."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from core.errors import BotError
from core.settings import Settings
from nodes.calls.http import HttpClient
from nodes.calls.retry import RetryLimits
from nodes.knowledge import library as module
from nodes.knowledge.config import Knowledge
from nodes.knowledge.embeddings import EmbeddingModel, parse_vectors
from nodes.knowledge.library import Library, open_library
from nodes.knowledge.request import EmbeddingEndpoint
from nodes.knowledge.search import fuse
from tests.servers.host import Host, free_port
from tests.servers.process import Process

MEANINGS = ("pet dog animal", "food soup eat", "car road drive")
TEXTS = {"a.md": "The animal may stay.", "b.md": "We serve soup.", "c.md": "Take the road."}


class EmbeddingServer:
    """Knows three meanings. `answer` may be set to another answer than the right one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.keys: set[str | None] = set()
        self.answer: Callable[[], web.Response] | None = None
        self.url = ""

    async def embed(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.keys.add(request.headers.get("Authorization"))
        self.texts += asked["input"]
        if self.answer:
            return self.answer()
        data = [
            {"index": index, "embedding": find_meaning(text)}
            for index, text in enumerate(asked["input"])
        ]
        return web.json_response({"data": data[::-1]})  # in whatever order


def find_meaning(text: str) -> list[float]:
    words = text.lower().strip(".?").split()
    return [3.0 * sum(word in meaning.split() for word in words) + 0.1 for meaning in MEANINGS]


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    server, app = EmbeddingServer(), web.Application()
    app.router.add_post("/v1/embeddings", server.embed)
    host = Host(app, 0)
    await host.start()
    server.url = f"http://127.0.0.1:{host.port}/v1"
    yield server
    await host.stop()


@pytest.fixture
async def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Library]]:
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0)
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, "utf-8")
    http = HttpClient()

    def open_it(url: str, **given: Any) -> Library:
        known = {"files": "*.md", "top": 1, "embeddings": {"model": "m", "base_url": url, **given}}
        settings = Settings(
            bots=tmp_path / "bots.yaml", database_url=f"sqlite:///{tmp_path}/db", attempts=2
        )
        return open_library(Knowledge.model_validate(known), "1", "guide", settings, http)

    yield open_it
    await http.aclose()


def quiet(_: str) -> None: ...


async def test_a_question_finds_a_passage_with_which_it_shares_no_word(
    server: EmbeddingServer, opened: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDING_KEY", "geheim")
    library = opened(server.url, api_key="${EMBEDDING_KEY}")
    assert (await library.find("dog?", quiet))[0]["file"] == "a.md"
    assert (await library.find("Eat?", quiet))[0]["file"] == "b.md"
    assert server.keys == {"Bearer geheim"}


async def test_only_new_passages_are_embedded(
    server: EmbeddingServer, opened: Callable[..., Library], tmp_path: Path
) -> None:
    await opened(server.url).find("dog", quiet)
    assert sorted(server.texts) == sorted([*TEXTS.values(), "dog"])
    server.texts.clear()
    (tmp_path / "d.md").write_text("Drive slowly.", "utf-8")
    (tmp_path / "a.md").unlink()
    await opened(server.url).find("car", quiet)
    assert server.texts == ["Drive slowly.", "car"]
    server.texts.clear()
    await opened(server.url, model="other").find("car", quiet)
    assert len(server.texts) == 4


@pytest.mark.parametrize(
    ("answer", "code", "calls"),
    [
        (lambda: web.Response(status=503), "bot_http_error", 2),
        (lambda: web.Response(status=401), "bot_http_error", 1),
        (lambda: web.Response(text="no"), "bot_bad_reply", 1),
        (lambda: web.json_response({"data": []}), "bot_bad_reply", 1),
        (
            lambda: web.json_response({"data": [{"index": 0, "embedding": ["a"]}]}),
            "bot_bad_reply",
            1,
        ),
    ],
)
async def test_what_a_model_may_do_wrong_is_typed(
    server: EmbeddingServer, answer: Callable[[], web.Response], code: str, calls: int
) -> None:
    http = HttpClient()
    endpoint = EmbeddingEndpoint(server.url, server.url, "m")
    server.answer = answer
    with pytest.raises(BotError) as caught:
        await EmbeddingModel(http, endpoint, RetryLimits(attempts=2)).embed(["soup"], quiet)
    await http.aclose()
    assert caught.value.code == code
    assert "embedding model m" in caught.value.message
    assert len(server.texts) == calls


async def test_a_model_that_fails_is_an_error_and_never_a_worse_search(
    server: EmbeddingServer, opened: Callable[..., Library]
) -> None:
    library = opened(server.url)
    for _ in ("while it is indexed", "while it is searched"):
        server.answer = lambda: web.Response(status=401)
        with pytest.raises(BotError, match="HTTP 401") as caught:
            await library.find("soup", quiet)
        assert caught.value.code == "bot_http_error"
        server.answer = None
        assert (await library.find("soup", quiet))[0]["file"] == "b.md"


async def test_a_server_that_is_gone_is_told(opened: Callable[..., Library]) -> None:
    heard: list[str] = []
    with pytest.raises(BotError, match="refused") as caught:
        await opened(f"http://127.0.0.1:{free_port()}/v1").find("soup", heard.append)
    assert caught.value.code == "bot_unreachable"
    assert any("trying again" in said for said in heard)


async def test_it_works_with_a_server_that_nobody_here_wrote(
    opened: Callable[..., Library],
) -> None:
    port = free_port()
    argv = ["python", "-m", "llmock.cli", "serve", "--port", str(port)]
    async with Process(argv, ready=f"http://127.0.0.1:{port}/health", startup=40):
        library = opened(f"http://127.0.0.1:{port}/v1", model="text-embedding-3-small")
        # Its vectors mean nothing, but those of one text are the same.
        assert (await library.find(TEXTS["c.md"], quiet))[0]["file"] == "c.md"


def test_vectors_that_are_no_numbers_are_refused() -> None:
    for bad in (b'{"data": [{"index": 0, "embedding": [1e999]}]}', b"[]", b'{"data": 1}'):
        with pytest.raises(BotError):
            parse_vectors(bad, 1, "it")


def test_fusion_takes_what_both_rankings_have_first() -> None:
    scores = fuse([[(1, 9.0), (2, 8.0)], [(3, 0.9), (2, 0.8)]])
    assert max(scores, key=scores.__getitem__) == 2

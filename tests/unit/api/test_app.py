"""What the service tells while its UI is not there, and that it needs nobody's site to say so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api import app as service
from api.app import create_app
from api.waiting_room import WaitingRoom
from core.settings import Settings

BROWSER = {"Accept": "text/html"}


@pytest.fixture
async def app() -> FastAPI:
    return create_app(Settings())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_a_page_that_waits_for_the_ui_comes_again(client: httpx.AsyncClient) -> None:
    page = (await client.get("/", headers=BROWSER)).text
    assert "Its UI is loading" in page
    assert "refresh" in page
    assert (await client.get("/")).json()["ui"] == {"en": "/ui/", "vi": "/vi/"}


async def test_a_ui_that_fails_is_named_no_more_and_nobody_waits_for_it(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_name: str) -> None:
        raise ImportError("no such library")

    monkeypatch.setattr(service, "import_module", broken)
    app.state.room = WaitingRoom(app)
    await service._mount_ui(app, lambda: "http://localhost")
    page = (await client.get("/", headers=BROWSER)).text
    assert "could not be loaded" in page
    assert "log" in page
    assert "refresh" not in page
    assert (await client.get("/")).json()["ui"] is None
    early = await client.get("/vi/?thread=a", headers=BROWSER)
    assert "could not be loaded" in early.text
    assert (await client.get("/vi/config")).json()["title"] == "The page is not there yet"


async def test_docs_name_no_other_site(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert re.findall(r"(?:src|href)=\"([^\"]+)", page) == [
        "/docs/swagger-ui.css",
        "/docs/favicon.png",
        "/openapi.json",
        "/docs/swagger-ui-bundle.js",
    ]
    script = await client.get("/docs/swagger-ui-bundle.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert len(script.content) > 500_000
    assert (await client.get("/docs/../core.py")).status_code == 404
    assert (await client.get("/docs/core.py")).status_code == 404
    assert (await client.get("/redoc")).status_code == 404


async def test_a_switched_off_ui_is_told_plainly() -> None:
    transport = httpx.ASGITransport(create_app(Settings(ui=False)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/", headers=BROWSER)).text
    assert "switched off" in page
    assert "refresh" not in page


def test_a_component_name_of_the_published_document_stands_for_one_thing() -> None:
    names = create_app(Settings()).openapi()["components"]["schemas"]
    assert [name for name in names if "__" in name] == []


def test_every_server_publishes_the_same_document(tmp_path: Path) -> None:
    bots = tmp_path / "bots.yaml"
    bots.write_text(
        "bots: {shop: {kind: webhook, url: 'http://127.0.0.1:1', reply: text}}", "utf-8"
    )
    other = Settings(
        bots=bots, max_turns=7, openai_base_url="http://127.0.0.1:1", api_keys="k-1234567"
    )
    assert create_app(Settings()).openapi() == create_app(other).openapi()

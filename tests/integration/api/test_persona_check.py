"""POST /api/personas/{persona}/check: the figures of a persona, as JSON and as a report."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from core.settings import Settings
from nodes.speakers.personas import BUILT_IN, read_personas
from tests.servers.llm import LlmServer

PATH = "/api/personas/teen/check"
SHORT = {"user": "scripted", "turns": 3}


@asynccontextmanager
async def open_client(tmp_path: Path, **settings: Any) -> AsyncIterator[AsyncClient]:
    folders = {"personas": tmp_path / "personas", "bots": tmp_path / "bots.yaml"}
    url = f"sqlite:///{tmp_path / 'd.db'}"
    app = create_app(Settings(database_url=url, ui=False, **folders, **settings))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made,
    ):
        yield made


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with open_client(tmp_path) as made:
        yield made


async def test_figures_come_as_json_and_as_reports(client: AsyncClient) -> None:
    found = (await client.post(PATH, json=SHORT)).json()
    assert (found["persona"], found["played_by"], found["model"]) == ("teen", "scripted", None)
    assert found["lines"] >= 8
    assert "realism" in found["not_measured"]
    for media, begins in (("text/html", "<!doctype html>"), ("text/markdown", "## Persona teen")):
        report = await client.post(PATH, json=SHORT, headers={"Accept": media})
        assert report.headers["content-type"] == f"{media}; charset=utf-8"
        assert report.text.startswith(begins)
        assert "not measured: realism" in report.text


@pytest.mark.parametrize("id", sorted(read_personas(BUILT_IN)))
async def test_every_persona_that_ships_is_measured_without_a_model(
    client: AsyncClient, id: str
) -> None:
    found = (await client.post(f"/api/personas/{id}/check", json=SHORT)).json()
    assert (found["persona"], found["played_by"], found["failed_talks"]) == (id, "scripted", {})
    assert (found["talks"], found["refused_lines"]) == (4, {})
    assert found["lines"] >= 8


@pytest.mark.parametrize("id", ["shy", "adult-en", "plain"])
async def test_a_persona_is_measured_as_a_model_plays_it(
    tmp_path: Path, llm: LlmServer, id: str
) -> None:
    llm.script(["As an AI, I cannot eat."] + [f"ok {n}" for n in range(99)])
    async with open_client(tmp_path, openai_base_url=llm.base_url, model="mock-model") as client:
        found = (await client.post(f"/api/personas/{id}/check", json={"turns": 3})).json()
    assert (found["played_by"], found["model"]) == ("simulated", "mock-model")
    assert (found["failed_talks"], found["refused_lines"]) == ({}, {"as_an_ai": 1})
    assert found["lines"] == 12
    assert len(llm.calls) == 13


async def test_what_cannot_be_checked_is_told(client: AsyncClient) -> None:
    assert (await client.post("/api/personas/nobody/check", json={})).status_code == 404
    assert (await client.post(PATH, json={"talks": 99})).status_code == 422
    refused = await client.post(PATH, json={"user": "simulated"})
    assert refused.status_code == 422

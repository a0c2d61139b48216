"""POST /api/personas/{persona}/check: the figures of a persona, as JSON and as a report."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from core.settings import Settings

PATH = "/api/personas/teen/check"
SHORT = {"user": "scripted", "turns": 3}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    folders = {"personas": tmp_path / "personas", "bots": tmp_path / "bots.yaml"}
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'd.db'}", ui=False, **folders))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made,
    ):
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


async def test_what_cannot_be_checked_is_told(client: AsyncClient) -> None:
    assert (await client.post("/api/personas/nobody/check", json={})).status_code == 404
    assert (await client.post(PATH, json={"talks": 99})).status_code == 422
    refused = await client.post(PATH, json={"user": "simulated"})
    assert refused.status_code == 422

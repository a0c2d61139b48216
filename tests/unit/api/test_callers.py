"""Keys and roles: what each reaches, at what rate, and what the log says of it."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import SecretStr

from api import problems
from api.callers import Callers, RateLimits
from api.state import require_editor
from core.settings import Settings

ADMIN, LAN = {"X-API-Key": "admin-key"}, {"Authorization": "Bearer lan-key"}


def settings(**more: object) -> Settings:
    keys = {"api_keys": [SecretStr("admin-key")], "client_keys": {"lan": SecretStr("lan-key")}}
    return Settings.model_validate({**keys, **more})


def client(setup: Settings, address: str = "127.0.0.1") -> httpx.AsyncClient:
    app = FastAPI()
    app.state.settings = setup
    problems.install(app, app.routes)
    app.add_middleware(Callers, settings=setup)

    @app.put("/api/bots/{id}", dependencies=[Depends(require_editor)])
    def edit(id: str) -> str:
        return id

    @app.get("/api/personas")
    @app.get("/metrics")
    def look() -> str:
        return "seen"

    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def keyed() -> AsyncIterator[httpx.AsyncClient]:
    async with client(settings()) as opened:
        yield opened


async def test_a_bound_key_reaches_its_paths_and_no_others(keyed: httpx.AsyncClient) -> None:
    assert (await keyed.get("/api/personas", headers=LAN)).status_code == 200
    refused = await keyed.get("/metrics", headers=LAN)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:duologue:forbidden")
    assert (await keyed.get("/metrics", headers=ADMIN)).status_code == 200
    assert (await keyed.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("edit", "headers", "status"), [(False, ADMIN, 403), (True, ADMIN, 200), (True, LAN, 403)]
)
async def test_only_an_administrator_writes_and_only_where_it_is_switched_on(
    edit: bool, headers: dict[str, str], status: int
) -> None:
    async with client(settings(edit=edit)) as opened:
        assert (await opened.put("/api/bots/7", headers=headers)).status_code == status


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("192.168.1.9", 403)])
async def test_without_keys_this_machine_is_the_administrator(address: str, status: int) -> None:
    async with client(Settings(edit=True), address) as opened:
        assert (await opened.put("/api/bots/7")).status_code == status
        assert (await opened.get("/api/personas")).status_code == 200


async def test_a_change_leaves_a_line_with_the_name_of_the_key_and_never_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "duologue.audit"):
        async with client(settings(edit=True)) as opened:
            await opened.put("/api/bots/7", headers=ADMIN)
            await opened.get("/api/personas", headers=LAN)
    (line,) = [vars(record) for record in caplog.records if record.getMessage() == "audit"]
    assert (line["key"], line["method"], line["path"]) == ("key 1", "PUT", "/api/bots/7")
    assert line["status"] == 200
    assert "admin-key" not in str(line)


async def test_each_key_has_its_own_rate() -> None:
    async with client(settings(rate_limit=2)) as opened:
        sent = [await opened.get("/api/personas", headers=LAN) for _ in range(3)]
        assert [answer.status_code for answer in sent] == [200, 200, 429]
        assert int(sent[-1].headers["Retry-After"]) in range(1, 32)
        assert (await opened.get("/api/personas", headers=ADMIN)).status_code == 200


def test_a_rate_refills_evenly() -> None:
    rates = RateLimits(60)
    assert [rates.take("k", 0.0) for _ in range(60)] == [0.0] * 60
    assert rates.take("k", 0.0) == pytest.approx(1.0)
    assert rates.take("k", 1.1) == 0.0
    assert rates.take("k", 1.1) > 0

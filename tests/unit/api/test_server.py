"""The service as a process: what it says when it is up, and that it does not outlive its runs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import server
from core.errors import ConfigError
from core.ports import bind_port
from core.settings import Settings


def serving(lifespan: Any) -> tuple[int, list[str]]:
    """The exit code of a service with that life, and what it announced."""
    said: list[str] = []
    app = FastAPI(lifespan=lifespan)
    app.state.settings = Settings()
    with bind_port("127.0.0.1", 0) as listener:
        made = server.Server(server._config(app, Settings()), app)
        return server._run(made, listener, lambda: said.append("up")), said


async def ends(_grace_s: float) -> None:
    """Nothing is under way."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_settle_memory", lambda: None)


def test_a_service_whose_runs_have_died_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> None:
        await asyncio.sleep(0.2)
        raise OSError("the disk is gone")

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            app.state.runs = SimpleNamespace(drain=ends)
            tasks.create_task(breaks())
            try:
                yield
            finally:
                app.state.runs = None

    with caplog.at_level(logging.CRITICAL, "duologue"):
        assert serving(life) == (3, ["up"])
    assert "the process ends too" in caplog.text


def test_a_service_that_does_not_come_up_ends_too() -> None:
    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        raise OSError("no disk")
        yield

    with pytest.raises(SystemExit) as left:
        serving(life)
    assert left.value.code == 3


def test_the_curl_to_try_has_a_key_where_keys_are_set_and_tells_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(bots=tmp_path / "none.yaml", api_keys=[SecretStr("a-long-secret")])
    server._announce(settings, "http://here")
    said = capsys.readouterr().out
    assert "http://here/simulate -H 'X-API-Key: KEY' -H" in said
    assert "DUOLOGUE_API_KEYS" in said
    assert "a-long-secret" not in said
    server._announce(settings.model_copy(update={"api_keys": []}), "http://here")
    assert "X-API-Key" not in capsys.readouterr().out


def test_a_port_that_is_taken_is_refused_with_another_to_try() -> None:
    with bind_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf":{port} cannot be used: .*--port {port + 1}$"):
            bind_port("127.0.0.1", port)

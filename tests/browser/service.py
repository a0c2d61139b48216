"""The server as `make run` starts it: a process with a port and a database that outlive it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from tests.servers.host import free_port
from tests.servers.process import Process

BOTS = """bots:
  robot:
    name: Robot bài học
    kind: webhook
    preset: robot-lesson
    base_url: {robot}
"""
READY_S = 90.0


class Service:
    """`async with Service(folder)`: `kill9()` and `start()` bring the same one down and up."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        robot: str = "",
        **settings: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "bots.yaml").write_text(
            BOTS.format(robot=robot or "http://127.0.0.1:9"), encoding="utf-8"
        )
        self._env = {
            "DUOLOGUE_DATABASE_URL": f"sqlite:///{folder / 'duologue.db'}",
            "DUOLOGUE_BOTS": str(folder / "bots.yaml"),
            "DUOLOGUE_PERSONAS": str(folder / "personas"),
            "DUOLOGUE_DEMO_DELAY_S": "0.45",
            "DUOLOGUE_ATTEMPTS": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # compiled once, as on anybody's machine
            **(environment or {}),
            **{f"DUOLOGUE_{name.upper()}": value for name, value in settings.items()},
        }
        self.process: Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Up, with its pages."""
        command = ["python", "-m", "cli", "serve", "--port", str(self.port)]
        self.process = Process(command, env=self._env, ready=f"{self.url}/health", startup=READY_S)
        await self.process.__aenter__()
        if self._env.get("DUOLOGUE_UI") != "false":
            await self._pages()

    async def _pages(self) -> None:
        from tests.servers.wait import wait_until

        async with httpx.AsyncClient(timeout=10) as http:

            async def served() -> bool:
                return (await http.get(f"{self.url}/ui/alive")).status_code == 200

            await wait_until(served, READY_S, what="the pages")

    async def kill9(self) -> None:
        assert self.process is not None
        self.process.kill9()
        await self.process.close()

    async def close(self) -> None:
        if self.process is not None:
            await self.process.close()

    async def api(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """What the API answers: to prepare a test, or to compare what is seen with what is."""
        async with httpx.AsyncClient(timeout=30) as http:
            response = await http.request(method, f"{self.url}{path}", **more)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    async def started(self, **scenario: Any) -> str:
        """A conversation that runs."""
        made = await self.api("POST", "/api/conversations", json=scenario)
        id = str(made["conversation_id"])
        asked = {"Prefer": "respond-async"}
        await self.api("POST", f"/api/conversations/{id}/runs", json={}, headers=asked)
        return id

    async def said(self, id: str) -> list[str]:
        detail = await self.api("GET", f"/api/conversations/{id}")
        return [line["content"] for line in detail["history"]]

"""A server process that keeps its port and its database over kills."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.servers.host import free_port
from tests.servers.process import Process
from tests.servers.wait import wait_until

SERVE = """
import os, sys
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
from core.settings import Settings
from api.server import serve
sys.exit(serve(Settings.from_env(os.environ)))
"""
JSON = {"Content-Type": "application/json"}


class Server:
    """`async with serving(tmp_path, robot_url) as server`; `env` are DUOLOGUE_ variables."""

    def __init__(self, folder: Path, bots: dict[str, Any], **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = folder / "bots.yaml"
        file.write_text(json.dumps({"bots": bots}), encoding="utf-8")
        self._env = {
            "DUOLOGUE_PORT": str(self.port),
            "DUOLOGUE_DATABASE_URL": f"sqlite:///{folder / 'duologue.db'}",
            "DUOLOGUE_BOTS": str(file),
            "DUOLOGUE_UI": "false",
            **env,
        }
        self._process: Process | None = None

    async def start(self) -> None:
        process = Process(["python", "-c", SERVE], env=self._env, ready=f"{self.url}/health")
        self._process = await process.__aenter__()

    async def kill9(self) -> None:
        assert self._process
        self._process.kill9()
        await self._process.wait()

    async def terminate(self) -> int:
        assert self._process
        self._process.terminate()
        return await self._process.wait(15)

    async def close(self) -> None:
        if self._process:
            await self._process.close()

    async def kill_and_restart(self) -> None:
        await self.kill9()
        await self.close()
        await self.start()

    # --- what is asked of it --------------------------------------------------------------------

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, self.url + path, **options) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json(content_type=None)

    async def begin(self, **scenario: Any) -> str:
        """The id of a conversation that runs."""
        headers = {"Prefer": "respond-async"}
        told = await self.ask("POST", "/api/simulate", json=scenario, headers=headers)
        return str(told["conversation_id"])

    async def show(self, id: str) -> Any:
        return await self.ask("GET", f"/api/conversations/{id}")

    async def turn(self, id: str, at_least: int) -> None:
        """Returns when so many turns are done."""

        async def done() -> bool:
            return bool((await self.show(id))["turn"] >= at_least)

        await wait_until(done, 20, what=f"turn {at_least} of {id}")

    async def transcript(self, id: str) -> str:
        """As /simulate and the examples write it."""
        names = {"user": "User", "assistant": "Bot"}
        said = (await self.show(id))["history"]
        return "".join(f"{names[line['role']]}: {line['content']}\n" for line in said)


def robot(url: str) -> dict[str, Any]:
    """bots.yaml's description of a robot-lesson server."""
    return {"kind": "webhook", "preset": "robot-lesson", "base_url": url}


@asynccontextmanager
async def serving(folder: Path, bots: dict[str, Any], **env: str) -> AsyncIterator[Server]:
    server = Server(folder, bots, **env)
    await server.start()
    try:
        yield server
    finally:
        await server.close()

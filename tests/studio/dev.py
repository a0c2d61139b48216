"""LangGraph's own dev server on the repository's langgraph.json, as `make studio` starts it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.servers.host import free_port
from tests.servers.process import ROOT, Process

QUIET = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}
DEV = ["python", "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
GRAPH = "conversation"


class Outside:
    """What stands for the internet: a proxy that counts who wants to go there, and refuses."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._refuse, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readline())
        writer.close()


class Dev:
    """A server that is up, and a LangGraph client of it."""

    def __init__(self, url: str, process: Process, client: LangGraphClient, graph: str) -> None:
        self.url = url
        self.process = process
        self.client = client
        self.graph = graph

    async def thread(self) -> str:
        return str((await self.client.threads.create())["thread_id"])

    async def run(self, thread: str, context: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Waits until the run rests, and gives the thread's state. Raises what the run raised."""
        if "command" not in given:
            given.setdefault("input", {})
        await self.client.runs.wait(thread, self.graph, context=context, **given)
        return await self.state(thread)

    async def state(self, thread: str) -> dict[str, Any]:
        state: Any = await self.client.threads.get_state(thread)
        return dict(state)

    async def lines(self, thread: str) -> list[str]:
        return texts(await self.state(thread))

    async def assistant(self, name: str) -> str:
        """The id of a ready-made assistant whose name holds this."""
        found = await self.client.assistants.search(metadata={"made_by": "duologue"}, limit=50)
        return next(str(each["assistant_id"]) for each in found if name in (each["name"] or ""))


def texts(state: dict[str, Any]) -> list[str]:
    return [line["content"] for line in state["values"].get("messages", [])]


@asynccontextmanager
async def dev_server(folder: Path, bots: str = "", **env: str) -> AsyncIterator[Dev]:
    """In a folder of its own, without a key; where it wants to leave the machine, it may not.

    `$URL` in `bots`, a bots.yaml, is the server itself.
    """
    outside = Outside()
    async with outside as proxy, AsyncExitStack() as stack:
        env = {**QUIET, "HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1", **env}
        url, process = await _started(stack, folder, bots, env)
        client = await stack.enter_async_context(get_client(url=url))
        made = await client.assistants.search(metadata={"created_by": "system"})
        yield Dev(url, process, client, str(made[0]["assistant_id"]))
    assert outside.asked == []


@asynccontextmanager
async def foreign_server() -> AsyncIterator[str]:
    """A server with a graph that is not ours; its address."""
    folder = Path(__file__).with_name("foreign")
    async with AsyncExitStack() as stack:
        url, _ = await _started(stack, folder, "", QUIET, folder / "langgraph.json")
        yield url


async def _started(
    stack: AsyncExitStack,
    folder: Path,
    bots: str,
    env: dict[str, str],
    config: Path = ROOT / "langgraph.json",
) -> tuple[str, Process]:
    """The server takes another port where somebody was quicker; then it is started again."""
    while True:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        if bots:
            (folder / "bots.yaml").write_text(bots.replace("$URL", url))
        argv = [*DEV, "--host", "127.0.0.1", "--port", str(port), "--n-jobs-per-worker", "4"]
        argv += ["--config", str(config)]
        process = Process(argv, env=env, cwd=folder, ready="Application started up", startup=90)
        await process.__aenter__()
        if url in process.stdout + process.stderr:
            stack.push_async_exit(process)
            return url, process
        await process.close()


async def said(stream: AsyncIterator[Any]) -> list[tuple[str, Any]]:
    """The events of a run as (event, data)."""
    return [(part.event, json.loads(json.dumps(part.data))) async for part in stream]

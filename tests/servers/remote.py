"""Test servers in processes of their own, which outlive what is killed, and their control path."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiohttp

from tests.servers.host import free_port
from tests.servers.journal import Call
from tests.servers.llm import LlmCall
from tests.servers.process import Process
from tests.servers.robot import RobotCall

C = TypeVar("C", bound=Call)


@dataclass
class Remote(Generic[C]):
    """A server elsewhere: `fail`, `release`, `set` and `calls` as in the process itself."""

    process: Process
    url: str
    make: Callable[..., C]

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL wants, if it is a model."""
        return f"{self.url}/v1"

    async def order(self, **orders: Any) -> None:
        """`POST /_control`. Raises AssertionError with the server's answer when it refuses."""
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.url}/_control", json=orders) as response,
        ):
            assert response.status == 200, await response.text()

    async def fail(self, kind: str, **where: Any) -> None:
        await self.order(fail={"kind": kind, **where})

    async def clear(self) -> None:
        """Take back all faults."""
        await self.order(clear=True)

    async def release(self) -> None:
        await self.order(release=True)

    async def set(self, **settings: Any) -> None:
        await self.order(set=settings)

    async def refuse(self, seconds: float) -> None:
        """Refuse connections from now on (20 ms at the most) for so many seconds."""
        await self.order(refuse=seconds)

    async def calls(self) -> list[C]:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{self.url}/_control") as response,
        ):
            return [self.make(**call) for call in (await response.json())["calls"]]


@asynccontextmanager
async def _remote(
    module: str, make: Callable[..., C], journal: Path | None, options: tuple[str, ...]
) -> AsyncIterator[Remote[C]]:
    port = free_port()
    argv = ["python", "-m", f"tests.servers.{module}", "--port", str(port), *options]
    argv += ["--journal", str(journal)] if journal else []
    async with Process(argv, ready="listening on") as process:
        yield Remote(process, f"http://127.0.0.1:{port}", make)


@asynccontextmanager
async def robot_process(
    *options: str, journal: Path | None = None
) -> AsyncIterator[Remote[RobotCall]]:
    """`async with robot_process("--honour-keys", journal=path) as robot`."""
    async with _remote("robot", RobotCall, journal, options) as remote:
        yield remote


@asynccontextmanager
async def llm_process(*options: str, journal: Path | None = None) -> AsyncIterator[Remote[LlmCall]]:
    """`async with llm_process("--first-ms", "200", "--token-ms", "20") as llm`."""
    async with _remote("llm", LlmCall, journal, options) as remote:
        yield remote

"""Services to test, each with a database and a robot of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.service import Service, Zygote
from tests.servers.robot import RobotServer


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture
async def opened(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> AsyncIterator[Callable[..., Any]]:
    """`service = await opened(send_timeout_s="1")`: a service that is up, with the robot as 16."""
    async with AsyncExitStack() as stack:
        made = 0

        async def open_one(bots: dict[str, Any] | None = None, **env: str) -> Service:
            nonlocal made
            made += 1
            folder = tmp_path / f"service{made}"
            service = Service(zygote, folder, robot.url, env=env, bots=bots or {})
            return await stack.enter_async_context(service)

        yield open_one


@pytest.fixture
async def service(opened: Callable[..., Any]) -> Service:
    """A service with everything as it comes."""
    made: Service = await opened()
    return made

"""All that one Duologue process holds open: storage, speakers, the demo bot, the runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from graph.live import Watch
from graph.runs import Runs, open_runs
from graph.settings import Settings
from graph.storage import open_storage, sqlite_path
from nodes.bots.config import DemoBot, read_bots
from nodes.bots.demo import serve_demo
from nodes.cast import Cast


def _nobody(_what: str, _id: str, _facts: object) -> None:
    """Who watches where nobody was named."""


@asynccontextmanager
async def open_process(settings: Settings, watch: Watch = _nobody) -> AsyncIterator[Runs]:
    """The runs of this process, with everything they need. Raises `ConfigError`, `StorageError`.

    The demo bot is served on a loopback port of its own where one is configured.
    """
    bots = read_bots(settings.bots)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings.database_url))
        demo_url = None
        if any(isinstance(bot, DemoBot) for bot in bots.values()):
            path = sqlite_path(settings.database_url).absolute()
            file = path.with_name(f"{path.name}.demo")
            demo = serve_demo(file, delay_s=settings.demo_delay_s)
            demo_url = await stack.enter_async_context(demo)
        cast = await asyncio.to_thread(Cast, settings, demo_url)
        stack.push_async_callback(cast.close)
        yield await stack.enter_async_context(open_runs(settings, storage, cast, watch))

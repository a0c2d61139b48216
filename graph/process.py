"""All that one Duologue process holds open: storage, speakers, the demo bot, the runs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from core.failures import task_group
from core.settings import Settings
from demo.kinds import DemoBot
from demo.server import serve_demo
from graph.runs.service import RunService
from graph.storage.opening import Storage, file_beside, open_storage
from graph.stream.live import Watch, nobody_watches
from graph.webhook.sender import open_webhook
from nodes.bots.config import read_bots
from nodes.speakers.registry import Speakers


@asynccontextmanager
async def open_process(
    settings: Settings, watch: Watch = nobody_watches
) -> AsyncIterator[RunService]:
    """The runs of this process, with everything they need. Raises `ConfigError`, `StorageError`.

    The demo bot is served on a loopback port of its own where one is configured.
    """
    bots = read_bots(settings.bots)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings.database_url))
        demo_url = None
        if any(isinstance(bot, DemoBot) for bot in bots.values()):
            file = file_beside(settings.database_url, ".demo")
            demo = serve_demo(file, delay_s=settings.demo_delay_s)
            demo_url = await stack.enter_async_context(demo)
        speakers = await asyncio.to_thread(Speakers, settings, demo_url)
        stack.push_async_callback(speakers.close)
        watch = await stack.enter_async_context(open_webhook(settings, storage, watch))
        runs = await stack.enter_async_context(open_runs(settings, storage, speakers, watch))
        stack.enter_context(rare_collections())
        yield runs


@asynccontextmanager
async def open_runs(
    settings: Settings, storage: Storage, speakers: Speakers, watch: Watch = nobody_watches
) -> AsyncIterator[RunService]:
    """The runs of this process. Leaving drains them; what the caller raised is raised as it was."""
    async with task_group() as tasks:
        runs = RunService(settings, storage, speakers, tasks, watch)
        try:
            yield runs
        finally:
            await runs.drain(settings.grace_s)


@contextmanager
def rare_collections() -> Iterator[None]:
    """What lives as long as the process is looked at no more, and the rest less often.

    A thousand live conversations are a million objects, and walking them over and over took a
    quarter of all time. What is dropped is mostly freed by its count anyway.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()

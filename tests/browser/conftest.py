"""A real server, a real browser, and a robot that fails on demand, for all browser tests."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.looking import SOON, Looking
from tests.browser.service import Service
from tests.servers.robot import RobotServer

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-smooth-scrolling"  # a turn of the wheel is one step
).split()
expect.set_options(timeout=SOON)  # a busy machine is no fault of the page
shared = pytest_asyncio.fixture(scope="session", loop_scope="session")
each = pytest_asyncio.fixture(loop_scope="session")


@shared
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        await made.close()


@shared
async def failing() -> AsyncIterator[RobotServer]:
    """The robot behind the bot `robot`; its faults are the test's to set and to take away."""
    async with RobotServer(delay=0.1) as server:
        yield server


@shared
async def service(
    tmp_path_factory: pytest.TempPathFactory, failing: RobotServer
) -> AsyncIterator[Service]:
    folder: Path = tmp_path_factory.mktemp("service")
    async with Service(folder, robot=failing.url) as running:
        yield running


@each
async def look(browser: Browser, service: Service) -> AsyncIterator[Looking]:
    """Tabs on the shared server; at the end, what the browser complained of is a failure."""
    looking = Looking(browser, service.url)
    try:
        yield looking
    finally:
        await looking.close()
    looking.complain()

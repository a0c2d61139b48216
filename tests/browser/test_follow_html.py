"""follow.html in a real browser: both speakers, and EventSource reconnects by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright, expect

from tests.integration.examples.server import Server, robot, serving
from tests.servers.host import free_port
from tests.servers.process import ROOT
from tests.servers.remote import robot_process

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NASTY = "<img src=x onerror=\"document.body.dataset.broken='1'\"> & chào"


@asynccontextmanager
async def page_host(port: int) -> AsyncIterator[str]:
    """Another origin, which has the page and nothing else; gives its address."""

    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(ROOT / "examples" / "follow.html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


async def read_lines(page: Page) -> list[tuple[str, str]]:
    shown: list[list[str]] = await page.locator("#lines p").evaluate_all(
        "all => all.map(p => [p.className, p.textContent])"
    )
    return [(role, text) for role, text in shown]


async def said(server: Server, id: str) -> list[tuple[str, str]]:
    return [(line["role"], line["content"]) for line in (await server.show(id))["history"]]


@pytest.mark.timeout(150)
async def test_page_follows_over_kill9_and_restart(tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with (
        robot_process("--delay-ms", "150", "--honour-keys") as remote,
        serving(tmp_path, {"16": robot(remote.url)}, DUOLOGUE_CORS_ORIGINS=origin) as server,
        page_host(port),
        browser_page() as page,
    ):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        id = await server.begin(bot_id=16, max_turns=10, lines=[NASTY, "dạ\nvâng"])
        events = f"{server.url}/api/conversations/{id}/events"
        await page.goto(f"{origin}/?events={events}")
        await server.turn(id, 3)
        await server.kill_and_restart()
        await expect(page.locator("body")).to_have_attribute(
            "data-ended", "completed", timeout=30_000
        )
        assert await read_lines(page) == await said(server, id)
        assert await page.locator("body").get_attribute("data-broken") is None
        assert "max_turns, 10 turns" in await page.locator("#state").inner_text()
        # The browser's own reconnection: the page never had to name the last id itself.
        assert len([url for url in asked if url == events]) > 1
        assert not [url for url in asked if "after=" in url]

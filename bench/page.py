"""What the pages cost the reader's browser: a running conversation on a phone, a long list."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

LINE = "Hôm nay mình học cách gọi đồ uống nhé, bạn nghe thật kỹ rồi nói lại cả câu. "


def measure_watching(counts: list[int], seconds: float) -> dict[int, dict[str, float]]:
    """Per number of messages: the main thread's share, its longest task in ms, DOM nodes.

    Of the longest task the time that it computes counts: on a busy machine it also waits.
    """
    return asyncio.run(_watch_all(counts, seconds))


async def _watch_all(counts: list[int], seconds: float) -> dict[int, dict[str, float]]:
    from playwright.async_api import async_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS
    from tests.browser.looking import Looking
    from tests.browser.service import Service

    settings = {"DUOLOGUE_DEMO_DELAY_S": "0.33"}
    with tempfile.TemporaryDirectory(prefix="duologue-page-") as folder:
        async with (
            async_playwright() as playwright,
            Service(Path(folder), settings) as service,
        ):
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            look = Looking(browser, service.url)
            found = {count: await _watch(look, service, count, seconds) for count in counts}
            await browser.close()
            return found


async def _watch(look: Any, service: Any, count: int, seconds: float) -> dict[str, float]:
    from tests.browser.looking import busy_share

    history = [
        {"role": ("user", "assistant")[at % 2], "content": LINE * (1 + at % 3)}
        for at in range(count)
    ]
    id = await service.started(bot_id=16, max_turns=400, history=history)
    tab = await look.tab(f"/ui/?thread={id}", phone=True)
    await tab.grown(count + 6, 60_000)
    await tab.page.evaluate("1")  # what `grown` computes is over
    browser = tab.page.context.browser
    await browser.start_tracing(page=tab.page, categories=["devtools.timeline", "toplevel"])
    share = await busy_share(tab, seconds)
    longest = longest_task_ms(json.loads(await browser.stop_tracing()))
    nodes = await tab.page.evaluate("document.querySelectorAll('*').length")
    await service.api("POST", f"/api/conversations/{id}/stop")
    await tab.page.context.close()
    look._contexts.clear()  # noqa: SLF001 - it closes those that are left
    return {"share": 100 * share, "longest_ms": longest, "nodes": float(nodes)}


def longest_task_ms(trace: dict[str, Any]) -> float:
    """The most that the main thread of the page computes without a pause, of Chromium's trace."""
    events = trace["traceEvents"]
    main = {
        (one["pid"], one["tid"])
        for one in events
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        one.get("tdur", one.get("dur", 0))
        for one in events
        if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in main
    ]
    return max(tasks, default=0) / 1000


def measure_list(count: int) -> dict[str, float]:
    """A list of so many conversations: seconds to its first rows, DOM nodes once all are shown."""
    return asyncio.run(_list(count))


async def _list(count: int) -> dict[str, float]:
    from playwright.async_api import async_playwright

    from bench.storage import fill
    from tests.browser.conftest import CHROMIUM, FLAGS
    from tests.browser.looking import Looking
    from tests.browser.service import Service

    with tempfile.TemporaryDirectory(prefix="duologue-list-") as folder:
        await fill(Path(folder) / "duologue.db", count, clients=0)
        async with async_playwright() as playwright, Service(Path(folder)) as service:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            tab = await Looking(browser, service.url).tab()
            await tab.ready()
            began = time.perf_counter()
            await tab.page.get_by_role("link", name="Conversations").click()
            await tab.page.locator("#table tbody tr").first.wait_for()
            seconds = time.perf_counter() - began
            await _show_all(tab.page)
            nodes = await tab.page.evaluate("document.querySelectorAll('*').length")
            await browser.close()
            return {"seconds": seconds, "nodes": float(nodes)}


async def _show_all(page: Any) -> None:
    """Presses the button for more until there is none."""
    count, more = page.locator("#table .count"), page.locator("#table .more")
    while await more.is_visible():
        before = await count.text_content()
        await more.click()
        await page.wait_for_function(
            "before => document.querySelector('#table .count').textContent !== before",
            arg=before,
            timeout=120_000,
        )

"""What a running conversation costs the reader's browser: the page on a phone's window."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

LINE = "Hôm nay mình học cách gọi đồ uống nhé, bạn nghe thật kỹ rồi nói lại cả câu. "
TASKS = """() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      const tasks = list.getEntries().map((task) => task.duration);
      window.longest = Math.max(window.longest, ...tasks);
    }).observe({ type: 'longtask' });
}"""


def watched(counts: list[int], seconds: float) -> dict[int, dict[str, float]]:
    """Per number of messages: the main thread's share, its longest task in ms, DOM nodes."""
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
    await tab.page.evaluate(TASKS)
    share = await busy_share(tab, seconds)
    longest = await tab.page.evaluate("window.longest")
    nodes = await tab.page.evaluate("document.querySelectorAll('*').length")
    await service.api("POST", f"/api/conversations/{id}/stop")
    await tab.page.context.close()
    look._contexts.clear()  # noqa: SLF001 - it closes those that are left
    return {"share": 100 * share, "longest_ms": float(longest), "nodes": float(nodes)}

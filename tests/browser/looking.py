"""What a person sees in a tab, and what they do there."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Route,
    expect,
)

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SOON = 45_000  # a wait ends when what is waited for is there: what takes longer has failed
LATER = 90_000
# What a browser itself says of a server that was killed or a page that was left.
CUT_OFF = re.compile(
    r"ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|FAILED)"
    r"|network error|AbortError|Connection errored out"
    r"|status of (404|503)"  # not loaded yet
)


@dataclass
class Looking:
    """Tabs of one person, or of several: each `tab` may have a context of its own."""

    browser: Browser
    url: str
    cut_off: bool = False
    """The line is cut on purpose: by a kill, or by a reload, which aborts what is open."""
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def tab(self, path: str = "/ui/", *, phone: bool = False, **more: Any) -> "Tab":
        """A tab of somebody else, at `path`: nothing is shared with the other tabs."""
        context = await self.browser.new_context(
            **{
                "viewport": PHONE if phone else DESKTOP,
                "has_touch": phone,
                "is_mobile": phone,
                **more,
            }
        )
        context.set_default_timeout(SOON)
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        await page.goto(self.url + path if path.startswith("/") else path)
        return Tab(page, self)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not (self.cut_off and CUT_OFF.search(message.text)):
            self.complaints.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(url)

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def complain(self) -> None:
        assert not self.foreign, f"requests that left for another host: {self.foreign}"
        assert not self.complaints, f"the browser complained: {self.complaints}"


@dataclass
class Tab:
    """One tab. Names of things are as a person reads them."""

    page: Page
    by: Looking

    async def reload(self) -> None:
        self.by.cut_off = True
        await self.page.reload()

    @property
    def thread(self) -> str:
        return self.page.url.partition("thread=")[2].partition("&")[0]

    @property
    def bubbles(self) -> Locator:
        return self.page.locator("#stage [data-rows=rows] .msg .text")

    def of(self, role: str) -> Locator:
        return self.page.locator(f"#stage [data-rows=rows] .msg.{role} .text")

    @property
    def status(self) -> Locator:
        return self.page.locator("#head .chip")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def ready(self) -> None:
        """The form knows its bots."""
        await expect(self.page.locator("#page-new input").first).not_to_have_value("")

    async def start(self, turns: int = 10) -> str:
        """Starts what the form describes; gives the conversation's id."""
        await self.ready()
        if turns != 10:
            await self.page.locator("#page-new input[type=number]").first.fill(str(turns))
        await self.page.locator("#start").click()
        await self.page.wait_for_url(re.compile("thread="))
        return self.thread

    async def grown(self, count: int, within: float = LATER) -> None:
        """At least `count` bubbles with text are there, drawn or far from the window."""
        await self.page.wait_for_function(
            "count => (window.duologue?.rows?.html ?? []).filter(row => {"
            "const text = new DOMParser().parseFromString(row, 'text/html').querySelector('.text');"
            "return text && /\\S/.test(text.textContent); }).length >= count",
            arg=count,
            timeout=within,
        )

    async def stands(self, text: str, within: float = LATER) -> None:
        await expect(self.status).to_have_text(text, timeout=within)

    async def texts(self) -> list[str]:
        """What stands in the bubbles, to the letter; all rows are drawn for that moment."""
        found: list[str] = await self.page.evaluate(
            """() => {
                const { rows } = window.duologue;
                rows.all(true);
                const all = [...rows.list.querySelectorAll('.msg .text')];
                rows.all(false);
                return all.map(one => one.textContent);
            }"""
        )
        return found

    async def wide(self) -> int:
        """How far the page reaches beyond the window, in pixels."""
        over: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - window.innerWidth"
        )
        return over


async def hold_requests(tab: Tab) -> asyncio.Event:
    """What the tab asks from now on waits until the event is set."""
    let_go = asyncio.Event()

    async def wait(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    await tab.page.route("**/queue/join*", wait)
    return let_go


async def busy_share(tab: Tab, seconds: float) -> float:
    """The share of its time, 0 to 1, that the page's main thread computes."""
    wire = await tab.page.context.new_cdp_session(tab.page)
    await wire.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def busy() -> float:
        found: list[dict[str, Any]] = (await wire.send("Performance.getMetrics"))["metrics"]
        return next(float(one["value"]) for one in found if one["name"] == "TaskDuration")

    began = await busy()
    await tab.page.wait_for_timeout(seconds * 1000)
    return (await busy() - began) / seconds

"""The pictures of README and documents, from the real thing: `python -m tests.browser.record`.

A conversation runs, a person takes over, branches off, the server is killed and comes back. What is
waited for in between is shortened.
"""

import argparse
import asyncio
import base64
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from reports.render import render_report
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.looking import LATER, Looking, Tab
from tests.browser.service import Service
from tests.servers.process import ROOT
from tests.unit.evaluation.samples import build_nightly
from ui.texts import Words

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1040, "height": 650}
REPORT: ViewportSize = {"width": 1040, "height": 1180}
FPS = 8
MOST_S = 0.6
"""So long a picture in which nothing moves stands at most."""


@dataclass(frozen=True)
class Script:
    """What the pictures of one language say; what stands on buttons the page itself knows."""

    path: str
    line: str
    run: str
    take: str
    branch: str
    kill: str
    heal: str
    words: Words


ENGLISH = Script(
    path="/ui/",
    line="Juice! May I have the juice, please?",
    run="1  A simulated user talks to your bot",
    take="2  You take the user’s seat",
    branch="3  Try another line: a branch",
    kill="4  kill -9 the server …",
    heal="… and it goes on where it was",
    words=Words("en"),
)
VIETNAMESE = Script(
    path="/vi/",
    line="Juice! Em nói đúng chưa ạ?",
    run="1  Người dùng mô phỏng trò chuyện với bot",
    take="2  Bạn trả lời thay người dùng",
    branch="3  Thử một câu khác: rẽ nhánh",
    kill="4  kill -9 máy chủ …",
    heal="… rồi cuộc trò chuyện đi tiếp từ chỗ cũ",
    words=Words("vi"),
)


@dataclass
class Film:
    """Frames as the browser paints them, each with the moment at which it was painted."""

    page: Page
    folder: Path
    frames: list[tuple[Path, float]] = field(default_factory=list)
    acks: list[asyncio.Future[Any]] = field(default_factory=list)
    rolls: bool = True

    async def begin(self) -> None:
        self.wire = await self.page.context.new_cdp_session(self.page)
        self.wire.on("Page.screencastFrame", self._take)
        await self.wire.send(
            "Page.startScreencast",
            {"format": "jpeg", "quality": 90, "everyNthFrame": 2, **_most(SIZE)},
        )

    def _take(self, frame: dict[str, Any]) -> None:
        if self.rolls:
            path = self.folder / f"{len(self.frames):05d}.jpg"
            path.write_bytes(base64.b64decode(frame["data"]))
            self.frames.append((path, float(frame["metadata"]["timestamp"])))
        ack = self.wire.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})
        self.acks.append(asyncio.ensure_future(ack))

    async def say(self, text: str) -> None:
        """A caption over the page; it is no part of it."""
        await self.page.evaluate(
            """text => {
                let box = document.querySelector('#caption');
                if (!box) {
                  box = document.createElement('div');
                  box.id = 'caption';
                  box.style = 'position:fixed;z-index:9999;right:24px;bottom:20px;'
                    + 'pointer-events:none;padding:9px 20px;border-radius:99px;'
                    + 'background:#1d1a17;color:#fff;font:600 19px/1.3 system-ui,sans-serif;'
                    + 'box-shadow:0 6px 24px #0006;white-space:nowrap';
                  document.body.append(box);
                }
                box.textContent = text;
            }""",
            text,
        )

    async def end(self) -> None:
        """The last picture, which stays for a while."""
        self.rolls = False
        path = self.folder / "last.jpg"
        await self.page.screenshot(path=path, type="jpeg", quality=90)
        self.frames.append((path, self.frames[-1][1] + MOST_S))

    def cut(self, name: Path, seconds: float) -> None:
        """The film as an animated WebP that lasts about so long."""
        steps = [
            (path, min(max(after - at, 0.0), MOST_S))
            for (path, at), (_, after) in zip(self.frames, self.frames[1:], strict=False)
        ]
        speed = max(sum(step for _, step in steps) / seconds, 1.0)
        listed = "".join(f"file '{path}'\nduration {step / speed:.4f}\n" for path, step in steps)
        listed += f"file '{self.frames[-1][0]}'\nduration 1.5\nfile '{self.frames[-1][0]}'\n"
        order = self.folder / "frames.txt"
        order.write_text(listed, encoding="utf-8")
        encoder = "-c:v libwebp_anim -lossless 0 -quality 62 -compression_level 6 -loop 0".split()
        command = ["ffmpeg", "-y", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(order)]
        subprocess.run([*command, "-vf", f"fps={FPS}", *encoder, str(name)], check=True)


def _most(size: dict[str, int]) -> dict[str, int]:
    return {"maxWidth": size["width"], "maxHeight": size["height"]}


async def tell_story(film: Film, tab: Tab, service: Service, script: Script) -> str:
    """All that the moving picture shows; gives the id of the conversation that branched off."""
    page, words = tab.page, script.words
    await film.say(script.run)
    await page.locator("[data-ready=lesson]").dispatch_event("click")
    await page.wait_for_url("**thread=**")
    await tab.grown(3)
    await film.say(script.take)
    await page.locator("#take").dispatch_event("click")  # while rows move
    await tab.stands(words("waiting_for_you"))
    line = page.get_by_label(words("your_line"))
    await line.press_sequentially(script.line, delay=25)
    before = len(await tab.texts())
    await line.press("Enter")
    await tab.grown(before + 2)
    await tab.stands(words("waiting_for_you"))
    await page.locator("#hand_back").dispatch_event("click")
    await tab.grown(before + 3)
    await film.say(script.branch)
    await branch_off(tab, words)
    await kill_and_return(film, tab, service, script)
    return tab.thread


async def branch_off(tab: Tab, words: Words) -> None:
    page, here = tab.page, tab.thread
    message = page.locator('#stage .msg[data-index="2"]')
    await message.hover()
    await message.locator("[data-act=edit]").dispatch_event("click")
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label(words("fork_line"))
    await expect(field).not_to_have_value("")
    await field.fill("")
    await field.press_sequentially("banana", delay=40)
    await expect(page.locator("#fork_go")).to_be_enabled()
    await page.locator("#fork_go").dispatch_event("click")
    await page.wait_for_function("id => !location.search.includes(id)", arg=here)
    await tab.grown(6)


async def kill_and_return(film: Film, tab: Tab, service: Service, script: Script) -> None:
    await film.say(script.kill)
    await service.kill9()
    await expect(tab.page.locator(".offline")).to_be_visible(timeout=LATER)
    await tab.page.wait_for_timeout(900)
    film.rolls = False
    await service.start()
    await expect(tab.page.locator(".offline")).to_be_hidden(timeout=LATER)
    many = len(await tab.texts())
    await film.say(script.heal)
    film.rolls = True
    await tab.grown(many + 1, LATER)
    await tab.stands(script.words("is_completed"), LATER)
    await film.end()


@asynccontextmanager
async def open_film(browser: Browser) -> AsyncIterator[tuple[Service, Looking]]:
    folder = Path(tempfile.mkdtemp(prefix="duologue-pictures-"))
    async with Service(folder, {"DUOLOGUE_DEMO_DELAY_S": "2.5"}) as service:
        look = Looking(browser, service.url, cut_off=True)
        yield service, look
        await look.close()
    shutil.rmtree(folder)


async def record(browser: Browser, script: Script, language: str) -> None:
    async with open_film(browser) as (service, look):
        tab = await look.tab(script.path, viewport=SIZE)
        await expect(tab.page.locator("[data-ready=lesson]")).to_be_visible()
        film = Film(tab.page, Path(tempfile.mkdtemp(prefix="duologue-film-")))
        await film.begin()
        branch = await tell_story(film, tab, service, script)
        film.cut(IMAGES / f"story-{language}.webp", 15.0)
        shutil.rmtree(film.folder)
        await compare(look, script, branch, IMAGES / f"compare-{language}.png")


async def compare(look: Looking, script: Script, branch: str, name: Path) -> None:
    """A branch beside what it branched off from."""
    tab = await look.tab(f"{script.path}?thread={branch}", viewport={"width": 1280, "height": 760})
    await tab.grown(8)
    await tab.page.get_by_role("link", name=script.words("compare")).first.click()
    await expect(tab.page.locator("#stage .msg.differs").first).to_be_visible()
    await tab.page.wait_for_timeout(600)
    await tab.page.locator("#stage .msg.differs").first.scroll_into_view_if_needed()
    await tab.page.screenshot(path=name)


async def photograph_talk(browser: Browser) -> None:
    """A talk under way, for the document of the page."""
    async with open_film(browser) as (service, look):
        id = await service.started(bot_id=16, max_turns=8, pace="slow")
        tab = await look.tab(f"/ui/?thread={id}", color_scheme="dark")
        await tab.grown(6)
        await expect(tab.page.locator("#stage .msg.live .text")).to_contain_text(" ")
        await tab.page.screenshot(path=IMAGES / "ui-live-en.png")


async def photograph_report(browser: Browser) -> None:
    page = await browser.new_page(viewport=REPORT)
    await page.set_content(render_report(build_nightly().model_dump(mode="json"), "html"))
    await page.screenshot(path=IMAGES / "report.png")
    await page.close()


async def main(pictures: list[str]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for language, script in {"en": ENGLISH, "vi": VIETNAMESE}.items():
            if language in pictures:
                await record(browser, script, language)
        if "stills" in pictures:
            await photograph_report(browser)
            await photograph_talk(browser)
        await browser.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("pictures", nargs="*", default=["en", "vi", "stills"])
    asyncio.run(main(options.parse_args().pictures))

"""The one-file report as a person sees it: light, dark, on a phone, on paper."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from reports.render import render_report
from tests.unit.evaluation.samples import build_nightly

Scheme = Literal["light", "dark"]
TEXTS = "h1, h2, h3, p, li, th, td, .chip, .tag, .quiet, .text, mark, summary, .heat td a, small"
CONTRAST = """selector => {
  const draw = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => {
    draw.clearRect(0, 0, 1, 1); draw.fillStyle = colour; draw.fillRect(0, 0, 1, 1);
    return [...draw.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const found = rgba(getComputedStyle(node).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  return [...document.querySelectorAll(selector)].filter(node => node.innerText).map(node => {
    const [one, other] = [light(rgba(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    return [ratio, node.className || node.tagName, node.innerText.slice(0, 40)];
  }).sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render_report(build_nightly().model_dump(mode="json"), "html"), "utf-8")
    return file


@pytest_asyncio.fixture(loop_scope="session")
async def pages(browser: Browser) -> AsyncIterator[Any]:
    """Opens a file in a tab of its own; at the end nobody may have asked or complained."""
    contexts, complaints = [], []

    async def open_page(file: Path, scheme: Scheme = "light", width: int = 1200) -> Page:
        context = await browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 800}
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        await page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert [text for text in complaints if not text.startswith("file:")] == []


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_in_light_and_dark(
    pages: Any, report: Path, scheme: Scheme
) -> None:
    page = await pages(report, scheme)
    ratio, *where = await page.evaluate(CONTRAST, TEXTS)
    assert ratio >= 4.5, where


@pytest.mark.asyncio(loop_scope="session")
async def test_a_phone_shows_the_whole_map_without_scrolling_sideways(
    pages: Any, report: Path
) -> None:
    page = await pages(report, width=390)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    fits = "[...document.querySelectorAll('.heat')].map(map => map.getBoundingClientRect().right)"
    assert max(await page.evaluate(fits)) <= 390


@pytest.mark.asyncio(loop_scope="session")
async def test_a_cell_of_the_map_leads_to_its_conversation(pages: Any, report: Path) -> None:
    page = await pages(report)
    link = page.locator(".heat td a").first
    target = await link.get_attribute("href")
    await link.click()
    assert await page.evaluate("location.hash") == target
    assert await page.locator(f"[id='{target[1:]}'] mark").first.is_visible()


@pytest.mark.asyncio(loop_scope="session")
async def test_paper_is_white_and_has_the_failing_turn_and_what_is_folded(
    pages: Any, report: Path
) -> None:
    page = await pages(report, "dark")
    await page.emulate_media(media="print")
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert await page.locator(".talk .here").first.is_visible()
    assert await page.locator("details:not([open]) > :not(summary)").first.is_visible()
    paper = await page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert 3 <= paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 20

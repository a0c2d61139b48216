"""/docs: the API's reference can be read and tried without the internet."""

import pytest
from playwright.async_api import expect

from tests.browser.looking import Looking

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


async def test_the_reference_is_drawn_and_tried_with_nothing_but_this_server(
    look: Looking,
) -> None:
    tab = await look.tab("about:blank")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    await tab.page.context.route(
        lambda url: not url.startswith(look.url), lambda route: route.abort()
    )
    await tab.page.goto(f"{look.url}/docs")
    health = tab.page.locator(".opblock", has_text="/health")
    await expect(health).to_be_visible()
    await health.locator(".opblock-summary-control").click()
    await health.get_by_role("button", name="Try it out").click()
    await health.get_by_role("button", name="Execute").click()
    await expect(health.locator(".live-responses-table")).to_contain_text('"status": "ok"')
    assert [url for url in asked if not url.startswith((look.url, "data:"))] == []


async def test_the_reference_is_dark_where_the_reader_wants_it_dark(look: Looking) -> None:
    tab = await look.tab("/docs", color_scheme="dark")
    await expect(tab.page.locator(".opblock", has_text="/health")).to_be_visible()
    red = await tab.page.evaluate(
        "Number(getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0])"
    )
    assert red < 60

"""Buttons of a bot: a click puts the title into the line, and what is sent is the payload."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.looking import Looking
from tests.browser.service import Service
from tests.servers.shop import SIZES, ShopServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


@pytest_asyncio.fixture(loop_scope="session")
async def shop() -> AsyncIterator[ShopServer]:
    async with ShopServer() as server:
        yield server


async def test_a_click_on_a_button_puts_its_title_in_the_line_and_sends_its_payload(
    browser: Browser, shop: ShopServer, tmp_path: Path
) -> None:
    bots = tmp_path / "shops.yaml"
    bots.write_text(f"bots:\n  shop: {{kind: webhook, preset: rasa, base_url: '{shop.url}'}}\n")
    async with Service(tmp_path, {"DUOLOGUE_BOTS": str(bots)}) as service:
        look = Looking(browser, service.url)
        id = await service.started(bot_id="shop", user="human", max_turns=5)
        tab = await look.tab(f"/ui/?thread={id}")
        await tab.stands("waiting for you")
        line = tab.page.get_by_label("Your answer as the user")
        await line.fill("áo len")
        await line.press("Enter")
        await tab.button("Size M").click()
        await expect(line).to_have_value("Size M")
        await line.press("Enter")
        await expect(tab.page.locator("#stage")).to_contain_text("Đã chọn M")
        await expect(tab.page.locator("#said")).to_contain_text("Đã chọn M")
        await look.close()
    assert [asked["message"] for asked in shop.heard] == ["áo len", SIZES[1]["payload"]]
    look.complain()

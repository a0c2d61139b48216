"""Everybody can use it: axe finds nothing on any screen, in either language and theme."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.looking import LATER, Looking, Tab
from tests.browser.service import Service
from tests.servers.robot import RobotServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
FORMS = ["new", "versus", "chat", "find", "bots"]
FILLED = {"find": "#table tbody tr", "bots": ".bot-card", "new": "#start", "chat": "#chat"}
AT_REST = (
    "document.getAnimations().every(one => one.playState !== 'running'"
    " || one.effect.getComputedTiming().iterations === Infinity)"
)


async def faults(tab: Tab) -> list[str]:
    await tab.page.evaluate(AXE)
    found: dict[str, Any] = await tab.page.evaluate(
        "axe.run(document, {resultTypes: ['violations']})"
    )
    return [
        f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ui", "vi"])
async def test_axe_finds_nothing_on_the_forms(
    look: Looking, service: Service, language: str, theme: Any
) -> None:
    await service.started(bot_id=16, max_turns=1)
    tab = await look.tab(f"/{language}/", color_scheme=theme)
    await tab.ready()
    found = {}
    for name in FORMS:
        await tab.page.locator(f'#top nav a[data-page="{name}"]').click()
        await expect(tab.page.locator(f"#page-{name} h1")).to_be_visible()
        await expect(tab.page.locator(FILLED.get(name, f"#page-{name} h1")).first).to_be_visible()
        await tab.page.wait_for_function(AT_REST)
        found[name] = await faults(tab)
    assert found == {name: [] for name in FORMS}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ui", "vi"])
async def test_axe_finds_nothing_on_conversations(
    look: Looking, service: Service, failing: RobotServer, language: str, theme: Any
) -> None:
    done = await service.started(bot_id=16, max_turns=2)
    tab = await look.tab(f"/{language}/?thread={done}", color_scheme=theme)
    await expect(tab.bubbles).to_have_count(4, timeout=LATER)
    await tab.page.locator("#stage .msg").first.hover()
    assert await faults(tab) == []
    await tab.page.locator('#stage .msg [data-act="fork"]').click()
    await expect(tab.page.locator("#fork_go")).to_be_enabled()
    assert await faults(tab) == []
    await tab.page.keyboard.press("Escape")
    failing.fail("status", status=500, turn=1)
    try:
        broken = await service.started(bot_id="robot", max_turns=2)
        await tab.page.goto(f"{look.url}/{language}/?thread={broken}")
        await expect(tab.page.locator("#stage .note.broken")).to_be_visible()
        assert await faults(tab) == []
    finally:
        failing.faults.clear()
    mine = await service.api("POST", "/api/conversations", json={"bot_id": 16, "user": "human"})
    await tab.page.goto(f"{look.url}/{language}/?thread={mine['conversation_id']}")
    await expect(tab.page.locator("#composer")).to_be_visible()
    assert await faults(tab) == []
    await tab.page.goto(f"{look.url}/{language}/?thread={done}&beside={mine['conversation_id']}")
    await expect(tab.page.locator(".beside")).to_be_visible()
    await expect(tab.page.locator("#head h1")).to_be_visible()  # once the names are known
    assert await faults(tab) == []
    await tab.page.goto(f"{look.url}/{language}/?thread=00000000-0000-4000-8000-000000000000")
    await expect(tab.page.locator(".note.bad")).to_be_visible()
    assert await faults(tab) == []

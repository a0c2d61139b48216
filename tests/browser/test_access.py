"""Everybody can use it: axe finds nothing on any screen, in either language and theme."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from api.pages import render_waiting
from reports.render import render_report
from tests.browser.looking import LATER, Looking, Tab
from tests.browser.service import Service
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until
from tests.unit.evaluation.samples import build_nightly

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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ui", "vi"])
async def test_axe_finds_nothing_on_what_stands_in_the_page_s_place(
    browser: Browser, look: Looking, service: Service, tmp_path: Path, language: str, theme: Any
) -> None:
    early = Looking(browser, service.url, cut_off=True)
    waiting = await early.tab("about:blank", color_scheme=theme)
    await waiting.page.route("**/alive", lambda route: route.fulfill(status=204))
    html = render_waiting(f"/{language}")
    await waiting.page.route(
        f"{look.url}/{language}/",
        lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"),
    )
    await waiting.page.goto(f"{look.url}/{language}/")
    await expect(waiting.page.get_by_role("status")).to_be_visible()
    assert await faults(waiting) == []
    nowhere = await early.tab(f"/{language}/khong-co", color_scheme=theme)
    await expect(nowhere.page.get_by_role("heading")).to_be_visible()
    assert await faults(nowhere) == []
    await early.close()
    lang = "vi" if language == "vi" else "en"
    report = tmp_path / "report.html"
    report.write_text(render_report(build_nightly().model_dump(mode="json"), "html", lang), "utf-8")
    printed = Looking(browser, "")
    page = await printed.tab(report.as_uri(), color_scheme=theme)
    await expect(page.page.get_by_role("heading", level=1)).to_be_visible()
    assert await faults(page) == []
    await printed.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ui", "vi"])
async def test_axe_finds_nothing_on_all_fields_of_the_form_and_on_the_key(
    browser: Browser, look: Looking, tmp_path: Path, language: str, theme: Any
) -> None:
    tab = await look.tab(f"/{language}/", color_scheme=theme)
    await tab.ready()
    await tab.page.locator("#page-new .more button").first.click()
    await expect(tab.page.locator("#lines textarea")).to_be_visible()
    await tab.page.wait_for_function(AT_REST)
    assert await faults(tab) == []
    async with Service(tmp_path, api_keys="open-sesame") as closed:
        asking = Looking(browser, closed.url)
        key = await asking.tab(f"/{language}/", color_scheme=theme)
        await expect(key.page.locator("#key_go")).to_be_visible()
        assert await faults(key) == []
        await asking.close()


TINY: dict[str, Any] = {
    "name": "Tiny",
    "scenarios": ["wrong-answers"],
    "personas": ["child"],
    "bots": [16, "careless"],
    "repeats": 2,
    "gate": {"pass_rate": 0.9},
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ui", "vi"])
async def test_axe_finds_nothing_on_experiments(
    look: Looking, service: Service, language: str, theme: Any
) -> None:
    ids = []
    for _ in range(2):
        made = await service.api("POST", "/api/experiments", json={"suite": TINY})
        ids.append(str(made["id"]))
        await ended(service, ids[-1])
    trials = await service.api("GET", f"/api/experiments/{ids[0]}/trials?outcome=failed")
    talk = trials["trials"][0]["conversation_id"]
    places = {
        "?view=experiments": "#lab .experiment",
        f"?experiment={ids[0]}": "#lab .heat",
        f"?experiment={ids[0]}&cell=wrong-answers~child~careless": "#lab .trials",
        f"?experiment={ids[1]}&against={ids[0]}": "#lab .verdict",
        f"?thread={talk}": "#side .verdict-row",
    }
    tab = await look.tab("about:blank", color_scheme=theme)
    found = {}
    for place, there in places.items():
        await tab.page.goto(f"{look.url}/{language}/{place}")
        await expect(tab.page.locator(there).first).to_be_visible()
        await expect(tab.page.locator("h1:visible").first).to_be_visible()
        found[place] = await faults(tab)
    assert found == {place: [] for place in places}


async def ended(service: Service, id: str) -> None:
    async def completed() -> bool:
        found = await service.api("GET", f"/api/experiments/{id}")
        return bool(found["experiment"]["status"] == "completed")

    await wait_until(completed, 90, what="the experiment")

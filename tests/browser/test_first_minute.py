"""The first minute: one click starts something to watch, and each bot says how it is."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.looking import Looking, hold_requests
from tests.browser.service import Service
from tests.servers.llm import LlmServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(200)]


async def test_an_empty_database_offers_scenarios_that_start_with_one_click(
    browser: Browser, tmp_path: Path
) -> None:
    async with Service(tmp_path) as service:
        look = Looking(browser, service.url)
        tab = await look.tab("/vi/")
        cards = tab.page.locator("[data-ready]")
        await expect(cards).to_have_count(3)
        await cards.filter(has_text="Trả lời sai").click()
        await tab.page.wait_for_url(re.compile("thread="))
        await tab.grown(2)
        detail = await service.api("GET", f"/api/conversations/{tab.thread}")
        assert (detail["persona"], detail["max_turns"]) == ("wrong", 8)
        again = await look.tab("/ui/")
        await again.ready()
        cards = again.page.locator("[data-ready]")
        await expect(cards.first).to_be_hidden()
        await again.page.get_by_text("Three talks that start with one click").click()
        await cards.filter(has_text="A lesson about drinks").click()
        await again.page.wait_for_url(re.compile("thread="))
        await look.close()
        look.complain()


async def test_the_demo_speaks_word_by_word_at_the_pace_that_is_chosen(
    look: Looking, service: Service
) -> None:
    tab = await look.tab()
    await tab.ready()
    await expect(tab.page.get_by_label("Normal", exact=False).first).to_be_checked()
    await tab.page.get_by_label("Slow", exact=False).check()
    id = await tab.start()
    live = await tab.page.wait_for_function(
        "() => { const one = document.querySelector('#stage .msg.assistant.live .text');"
        "return /\\w+ \\w+/.test(one?.textContent ?? '') && one.textContent; }"
    )
    early = await live.json_value()
    await expect(tab.of("assistant").first).not_to_have_text(early)
    assert (await tab.of("assistant").first.text_content() or "").startswith(early)
    await service.api("POST", f"/api/conversations/{id}/stop")
    await tab.stands("stopped")


async def test_each_bot_has_a_dot_that_leads_to_its_card(browser: Browser, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        look = Looking(browser, service.url)
        tab = await look.tab("/ui/")
        dots = tab.page.locator("#dots li")
        await expect(dots.filter(has_text="English lesson robot")).to_contain_text("ready")
        gone = dots.filter(has_text="Robot bài học")
        await expect(gone).not_to_contain_text("ready")
        await gone.get_by_role("link").click()
        assert "view=bots" in tab.page.url
        card = tab.page.locator(".bot-card", has_text="Robot bài học")
        await expect(card).to_be_visible()
        await look.close()
        look.complain()


async def test_what_needs_a_model_is_disabled_with_the_reason(look: Looking) -> None:
    tab = await look.tab("/ui/?view=versus")
    await expect(tab.page.locator("#versus")).to_be_disabled()
    note = tab.page.locator("#page-versus .needs-model")
    await expect(note).to_contain_text("OPENAI_API_KEY")
    await expect(note).to_contain_text("A model plays both prompts")
    await tab.page.get_by_role("link", name="Simulate").click()
    await expect(tab.page.locator('#seat input[value="simulated"]')).to_be_disabled()
    await tab.page.get_by_role("button", name="More options").click()
    prompt = tab.page.get_by_label("Bot prompt (prompt against prompt)")
    await expect(prompt).to_be_disabled()
    box = tab.page.locator("#page-new .block", has=prompt).last
    await expect(box).to_contain_text("Needs a model")


async def test_a_form_cannot_be_used_before_it_is_filled(look: Looking) -> None:
    tab = await look.tab("about:blank")
    answered = await hold_requests(tab)
    await tab.page.goto(f"{look.url}/ui/")
    start = tab.page.locator("#start")
    await expect(tab.page.locator("#page-new h1")).to_be_visible()
    await expect(tab.page.locator("#page-new").get_by_text("Loading …")).to_be_visible()
    await expect(start).to_be_hidden()
    answered.set()
    await expect(start).to_be_visible()
    await expect(tab.page.locator("#page-new").get_by_text("Loading …")).to_be_hidden()
    await tab.ready()


async def test_dates_are_those_of_the_pages_language_and_not_of_the_browsers(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=1)
    detail = await service.api("GET", f"/api/conversations/{id}")
    _, month, day = detail["created_at"][:10].split("-")
    tab = await look.tab("/vi/?view=find", locale="en-US", timezone_id="UTC")
    cell = tab.page.locator("#table td.started time").first
    await expect(cell).to_have_text(re.compile(rf"\b{int(day)}/0?{int(month)}/"))
    await expect(tab.page.locator("html")).to_have_attribute("lang", "vi")


async def test_two_prompts_talk_to_each_other_with_nothing_added(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        LlmServer() as llm,
        Service(tmp_path, {"OPENAI_BASE_URL": f"{llm.url}/v1", "OPENAI_API_KEY": "k"}) as service,
    ):
        look = Looking(browser, service.url)
        tab = await look.tab("/ui/?view=versus")
        await tab.page.get_by_label("The user’s prompt").fill("You want a refund for a lamp.")
        await tab.page.get_by_label("The bot’s prompt").fill("You sell lamps and give no refunds.")
        boxes = tab.page.locator("#page-versus .duel textarea")
        # Both at once: the page may still move while it is filled.
        left, right = await boxes.evaluate_all("all => all.map(one => one.getBoundingClientRect())")
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] <= right["x"]
        await expect(tab.page.locator("#versus")).to_be_enabled()
        await tab.page.locator("#versus").click()
        await tab.page.wait_for_url(re.compile("thread="))
        detail = await service.api("GET", f"/api/conversations/{tab.thread}")
        assert detail["persona"] == "plain"
        assert detail["user_prompt"] == "You want a refund for a lamp."
        await look.close()

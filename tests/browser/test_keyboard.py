"""Without a mouse: every journey by keys, and the focus is where the reader goes on."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.looking import LATER, Looking, Tab
from tests.browser.service import Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(200)]
TRANSCRIPT = "#stage [data-rows=rows]"


async def reach(tab: Tab, selector: str, most: int = 8) -> None:
    """Presses Tab until the focus is on it."""
    passed = []
    for _ in range(most + 1):
        there, where = await tab.page.evaluate(
            "selector => [document.activeElement.matches(selector),"
            " document.activeElement.id || document.activeElement.outerHTML.slice(0, 60)]",
            selector,
        )
        if there:
            return
        passed.append(where)
        await tab.page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not among the next {most} stops: {passed}")


async def test_keys_alone_fill_the_form_start_and_stop(look: Looking, service: Service) -> None:
    tab = await look.tab()
    await tab.ready()
    press = tab.page.keyboard.press
    await press("Tab")
    await expect(tab.page.get_by_role("link", name="Skip to content")).to_be_focused()
    await press("Enter")
    await expect(tab.page.locator("#page-new h1")).to_be_focused()
    await reach(tab, "#page-new input[type=number]", most=12)
    await press("ControlOrMeta+a")
    await tab.page.keyboard.type("50")
    await reach(tab, "#start", most=5)
    await press("Enter")
    await tab.page.wait_for_url(re.compile("thread="))
    await expect(tab.page.locator(TRANSCRIPT)).to_be_focused()
    await tab.grown(3)
    await press("Escape")
    await tab.stands("stopped")
    await expect(tab.button("Resume")).to_be_focused(timeout=LATER)
    await press("Enter")
    await tab.stands("running")
    await expect(tab.button("Stop")).to_be_focused(timeout=LATER)
    await service.api("POST", f"/api/conversations/{tab.thread}/stop")


async def test_keys_alone_take_over_answer_and_hand_back(look: Looking, service: Service) -> None:
    id = await service.started(bot_id=16, max_turns=50)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.grown(3)
    press = tab.page.keyboard.press
    await press("Escape")
    await expect(tab.button("Resume")).to_be_focused(timeout=LATER)
    await reach(tab, "#take")
    await press("Enter")
    await tab.stands("waiting for you")
    await expect(tab.page.get_by_label("Your answer as the user")).to_be_focused()
    await tab.page.keyboard.type("Em chưa hiểu ạ")
    await press("Enter")
    await expect(tab.page.locator(".msg.human")).to_contain_text("Em chưa hiểu ạ")
    await tab.stands("waiting for you")
    await reach(tab, "#hand_back")
    await press("Enter")
    await tab.stands("running")
    await expect(tab.button("Stop")).to_be_focused(timeout=LATER)
    await press("Enter")
    await tab.stands("stopped")


async def test_keys_alone_branch_off(look: Looking, service: Service) -> None:
    parent = await service.started(bot_id=16, max_turns=2)
    tab = await look.tab(f"/ui/?thread={parent}")
    await tab.stands("completed")
    await tab.page.locator("#top [data-theme]").focus()
    await reach(tab, "#stage .msg")
    await tab.page.keyboard.press("Home")
    await reach(tab, "#stage .msg [data-act=fork]")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator("#fork_go")).to_be_enabled()
    await expect(tab.page.locator("#fork textarea:focus, #fork_go:focus")).to_be_attached()
    await reach(tab, "#fork_go")
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_url(re.compile(rf"thread=(?!{parent})"))
    await expect(tab.page.locator(TRANSCRIPT)).to_be_focused()
    await tab.stands("completed")


async def test_control_and_enter_start_what_the_form_says(look: Looking, service: Service) -> None:
    tab = await look.tab()
    await tab.ready()
    await tab.page.locator("#page-new input[type=number]").first.focus()
    await tab.page.keyboard.press("ControlOrMeta+Enter")
    await tab.page.wait_for_url(re.compile("thread="))
    await service.api("POST", f"/api/conversations/{tab.thread}/stop")


async def test_a_scripted_persona_is_chosen_where_there_is_no_model(
    look: Looking, service: Service
) -> None:
    tab = await look.tab()
    await tab.ready()
    await tab.page.get_by_label("Persona").locator("visible=true").click()
    await tab.page.get_by_role("option", name="Khoa").first.click()
    id = await tab.start()
    assert (await service.api("GET", f"/api/conversations/{id}"))["persona"] == "wrong"
    await service.api("POST", f"/api/conversations/{id}/stop")

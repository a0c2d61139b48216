"""Steering: stop, resume, take the seat, branch off, chat, and what a failing bot looks like."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.looking import LATER, Looking, Tab, hold_requests
from tests.browser.service import Service
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


async def test_escape_stops_and_resume_goes_on_to_the_end(look: Looking, service: Service) -> None:
    tab = await look.tab()
    id = await tab.start(turns=5)
    await tab.grown(4)
    await tab.page.keyboard.press("Escape")
    await tab.stands("stopped")
    await expect(tab.button("Stop")).to_be_hidden()
    await tab.button("Resume").click()
    await tab.stands("running")
    await tab.stands("completed")
    await expect(tab.bubbles).to_have_count(10)
    assert await tab.texts() == await service.said(id)


async def test_a_person_takes_the_seat_edits_a_suggestion_and_hands_it_back(
    look: Looking, service: Service
) -> None:
    tab = await look.tab()
    id = await tab.start(turns=5)
    await tab.grown(4)
    await tab.button("I’ll answer").click()
    await tab.stands("waiting for you")
    line = tab.page.get_by_label("Your answer as the user")
    await tab.button("Suggest").click()
    await expect(line).not_to_have_value("")
    await line.fill("Em chưa hiểu, thầy nói lại được không ạ?")
    await line.press("Enter")
    mine = tab.page.locator(".msg.human")
    await expect(mine).to_contain_text("Em chưa hiểu, thầy nói lại được không ạ?")
    await expect(mine).to_contain_text("You")
    await expect(mine).to_contain_text("human")
    await expect(line).to_have_value("")
    await tab.stands("waiting for you")
    await tab.button("Hand back").click()
    await tab.stands("completed")
    said = await service.said(id)
    assert len(said) == 10
    assert await tab.texts() == said


async def test_a_branch_goes_another_way_and_can_be_compared(
    look: Looking, service: Service
) -> None:
    parent = await service.started(bot_id=16, max_turns=3)
    tab = await look.tab(f"/ui/?thread={parent}")
    await tab.stands("completed")
    third = tab.page.locator("#stage .msg").nth(2)
    await third.hover()
    await third.get_by_role("button", name="Edit").click()
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    field = dialog.get_by_label("Say instead, as the user")
    await expect(field).not_to_have_value("")
    await field.fill("con mèo")
    await dialog.get_by_role("button", name="Branch and run").click()
    await tab.page.wait_for_url(re.compile(rf"thread=(?!{parent})"))
    await tab.stands("completed")
    fork = tab.thread
    assert (await tab.texts())[2] == "con mèo"
    assert await tab.texts() == await service.said(fork)
    await tab.page.get_by_role("link", name="Compare").click()
    other = tab.page.locator("#stage [data-rows=other] .msg .text")
    await expect(other).to_have_count(6)
    assert await other.evaluate_all("all => all.map(x => x.textContent)") == await service.said(
        parent
    )
    await expect(tab.page.locator("#stage .msg.differs .text").first).to_have_text("con mèo")
    await tab.page.get_by_role("link", name=parent[:8]).click()
    await expect(tab.page.get_by_role("link", name=fork[:8])).to_be_visible()


async def edit(tab: Tab, index: int) -> Locator:
    """Opens the dialog that says another line than message `index`."""
    message = tab.page.locator("#stage .msg").nth(index)
    await message.hover()
    await message.get_by_role("button", name="Edit").click()
    return tab.page.get_by_role("dialog")


async def test_a_branch_cannot_be_sent_before_its_dialog_is_filled(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=2)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.stands("completed")
    said = await service.said(id)
    dialog = await edit(tab, 0)
    go = dialog.get_by_role("button", name="Branch and run")
    line = dialog.get_by_label("Say instead, as the user")
    wish = dialog.get_by_label("What should the user try?")
    await expect(line).to_have_value(said[0])
    await line.fill("của câu khác")
    await wish.fill("của câu khác")
    await dialog.get_by_role("button", name="Cancel").click()
    answered = await hold_requests(tab)
    await edit(tab, 2)
    await expect(go).to_be_disabled()
    answered.set()
    await expect(go).to_be_enabled()
    await expect(line).to_have_value(said[2])
    await expect(wish).to_have_value("")
    await go.click()
    await tab.page.wait_for_url(re.compile(rf"thread=(?!{id})"))
    await tab.stands("completed")
    assert (await tab.texts())[:3] == said[:3]


async def test_retry_says_a_line_anew_in_a_copy(look: Looking, service: Service) -> None:
    parent = await service.started(bot_id=16, max_turns=2)
    tab = await look.tab(f"/ui/?thread={parent}")
    await tab.stands("completed")
    last = tab.page.locator("#stage .msg").nth(3)
    await last.hover()
    await last.get_by_role("button", name="Retry").click()
    await tab.page.wait_for_url(re.compile(rf"thread=(?!{parent})"))
    await tab.stands("completed")
    assert (await tab.texts())[:3] == (await service.said(parent))[:3]


async def test_a_bot_that_fails_is_a_banner_with_a_cause_and_never_a_bubble(
    look: Looking, service: Service, failing: RobotServer
) -> None:
    failing.fail("status", status=500, turn=2)
    try:
        id = await service.started(bot_id="robot", max_turns=3)
        tab = await look.tab(f"/ui/?thread={id}")
        await tab.stands("interrupted")
        alert = tab.page.get_by_role("alert").filter(has_text="The bot failed")
        await expect(alert).to_contain_text("HTTP 500")
        await expect(tab.bubbles).to_have_count(3)
        assert not any("500" in text for text in await tab.texts())
    finally:
        failing.faults.clear()
    await alert.get_by_role("button", name="Resume").click()
    await tab.stands("completed")
    await expect(alert).to_be_hidden()
    await expect(tab.bubbles).to_have_count(6)
    assert await tab.texts() == await service.said(id)


@pytest.mark.parametrize(
    ("path", "first", "send", "label"),
    [
        ("/ui/?view=chat", "Your first message", "Send", "Your answer as the user"),
        ("/vi/?view=chat", "Tin nhắn đầu tiên", "Gửi", "Câu trả lời của bạn trong vai người dùng"),
    ],
)
async def test_a_person_chats_with_the_bot(
    look: Looking, service: Service, path: str, first: str, send: str, label: str
) -> None:
    tab = await look.tab(path)
    await expect(tab.page.locator("#page-chat input").first).not_to_have_value("")
    await tab.page.get_by_label(first).fill("sẵn sàng")
    await tab.page.get_by_label(first).press("Enter")
    await tab.page.wait_for_url(re.compile("thread="))
    await tab.grown(2)
    line = tab.page.get_by_label(label)
    await line.fill("juice")
    await expect(tab.button(send)).to_be_enabled()
    await expect(tab.status).not_to_have_class(re.compile("running"))
    await tab.button(send).click()
    await expect(tab.bubbles).to_have_count(4)
    await expect(tab.of("user").nth(1)).to_have_text("juice")

    async def shows_what_is_stored() -> bool:  # the demo speaks word by word
        return await tab.texts() == await service.said(tab.thread)

    await wait_until(shows_what_is_stored, 20)


async def choose_pace(tab: Tab, name: str, turns: int = 30) -> None:
    await tab.ready()
    await tab.page.get_by_label(name, exact=False).first.check()
    await tab.page.get_by_role("spinbutton", name="Turns").first.fill(str(turns))


async def test_who_takes_the_seat_of_a_stopped_talk_hears_the_open_line_answered_first(
    look: Looking, service: Service
) -> None:
    tab = await look.tab()
    await choose_pace(tab, "Slow")
    id = await tab.start()
    said = tab.page.locator("#stage .msg.user.settled")
    await expect(said).to_have_count(2, timeout=LATER)
    await tab.button("Stop").click()
    await tab.stands("stopped")
    assert len(await service.said(id)) == 3
    await tab.button("I’ll answer").click()
    await tab.stands("waiting for you")
    await expect(tab.bubbles).to_have_count(4)
    await expect(tab.button("Resume")).to_be_hidden()
    await expect(tab.button("Send")).to_be_visible()
    await expect(tab.page.locator("#stage details")).to_have_count(0)
    await tab.page.get_by_label("Your answer as the user").fill("juice!")
    await tab.button("Send").click()
    await tab.button("Stop").click()
    await tab.stands("stopped")
    await expect(tab.button("Resume")).to_be_visible()
    await expect(tab.button("Send")).to_be_hidden()
    assert (await service.said(id))[4] == "juice!"


@pytest.mark.parametrize("phone", [True, False])
async def test_who_is_at_the_end_stays_there_when_the_seat_changes_hands(
    look: Looking, service: Service, phone: bool
) -> None:
    tab = await look.tab(phone=phone)
    await choose_pace(tab, "Normal")
    id = await tab.start()
    newest = tab.page.locator("#newest")
    await tab.grown(7, LATER)
    await tab.button("I’ll answer").click()
    await tab.stands("waiting for you")
    await expect(newest).to_be_hidden()
    await ends_above_the_dock(tab)
    await tab.button("Hand back").click()
    await tab.grown(len(await tab.texts()) + 3, LATER)
    await expect(newest).to_be_hidden()
    await ends_above_the_dock(tab)
    await service.api("POST", f"/api/conversations/{id}/stop")
    await tab.stands("stopped")


@pytest.mark.parametrize(("phone", "reads"), [(False, True), (True, False)])
async def test_who_answers_sees_the_own_line_and_the_answer_to_it(
    look: Looking, service: Service, phone: bool, reads: bool
) -> None:
    history = [{"role": ("user", "assistant")[at % 2], "content": f"{at}"} for at in range(20)]
    id = await service.started(bot_id=16, user="human", max_turns=30, history=history)
    tab = await look.tab(f"/ui/?thread={id}", phone=phone)
    await tab.stands("waiting for you")
    await ends_above_the_dock(tab)
    line = tab.page.get_by_label("Your answer as the user")
    await line.press_sequentially("Ju")
    await ends_above_the_dock(tab)  # to write moves nothing
    if reads:
        await tab.page.evaluate("scrollTo(0, 0)")
        await expect(tab.page.locator("#newest")).to_be_visible()
    await line.press_sequentially("ice")
    await line.press("Enter")
    await tab.grown(22)
    await expect(tab.bubbles.last).to_be_in_viewport()
    await ends_above_the_dock(tab)
    await expect(tab.page.locator("#newest")).to_be_hidden()


async def ends_above_the_dock(tab: Tab) -> None:
    """The last line can be read to its end."""
    await tab.page.wait_for_function(
        "() => { const rows = document.querySelector('#stage [data-rows=rows]');"
        "const last = [...rows.querySelectorAll('.msg .box')].at(-1);"
        "const dock = document.querySelector('#dock');"
        "return last.getBoundingClientRect().bottom <= innerHeight - dock.offsetHeight + 1; }"
    )

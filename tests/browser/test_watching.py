"""Watching: both speakers grow, whatever becomes of the tab, the line or the server."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.looking import LATER, Looking
from tests.browser.service import Service
from tests.servers.host import free_port
from tests.servers.process import Process

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


@pytest.mark.parametrize(
    ("path", "turn", "running", "completed"),
    [
        ("/ui/", r"Turn \d+ of 10", "running", "completed"),
        ("/vi/", r"Lượt \d+/10", "đang chạy", "đã xong"),
    ],
)
async def test_both_speakers_grow_through_ten_turns(
    look: Looking, service: Service, path: str, turn: str, running: str, completed: str
) -> None:
    tab = await look.tab(path)
    id = await tab.start()
    await tab.stands(running)
    await expect(tab.of("user").first).to_be_visible()
    await expect(tab.of("assistant").first).to_be_visible()
    early = len(await tab.texts())
    await tab.grown(early + 2)
    await expect(tab.page.locator("#head")).to_contain_text(re.compile(turn))
    await tab.stands(completed, 90_000)
    await expect(tab.bubbles).to_have_count(20)
    assert await tab.texts() == await service.said(id)
    await expect(tab.page.locator("#head")).to_contain_text("10")
    await expect(tab.page.locator("#side svg.plot .bar.assistant")).to_have_count(10)


async def test_a_reload_in_the_middle_shows_the_same_and_goes_on(
    look: Looking, service: Service
) -> None:
    tab = await look.tab()
    id = await tab.start(turns=5)
    await tab.grown(5)
    before = (await tab.texts())[:4]
    await tab.reload()
    await tab.grown(5)
    assert (await tab.texts())[:4] == before
    await tab.stands("completed")
    assert await tab.texts() == await service.said(id)


async def test_a_second_person_sees_it_at_once_by_its_link(look: Looking, service: Service) -> None:
    id = await service.started(bot_id=16, max_turns=400)
    mine = await look.tab(f"/vi/?thread={id}")
    await mine.grown(3)
    theirs = await look.tab(f"/ui/?thread={id}")
    await theirs.grown(4)
    await theirs.stands("running")
    seen = len(await theirs.texts())
    await theirs.grown(seen + 2)
    await mine.grown(seen + 2)
    await theirs.button("Stop").click()
    await mine.stands("đã dừng")
    await theirs.stands("stopped")
    assert await mine.texts() == await theirs.texts() == await service.said(id)


async def test_a_closed_tab_does_not_stop_the_run(look: Looking, service: Service) -> None:
    tab = await look.tab()
    id = await tab.start(turns=5)
    await tab.grown(3)
    await tab.page.close()
    again = await look.tab(f"/ui/?thread={id}")
    await again.stands("completed")
    await expect(again.bubbles).to_have_count(10)


async def test_a_killed_server_is_waited_for_and_nothing_is_lost_or_doubled(
    browser: Browser, tmp_path: Path
) -> None:
    async with Service(tmp_path) as service:
        look = Looking(browser, service.url, cut_off=True)
        tab = await look.tab()
        id = await tab.start(turns=5)
        await tab.grown(5)
        before = (await tab.texts())[:4]
        await service.kill9()
        offline = tab.page.get_by_text("The server does not answer. Reconnecting …")
        await expect(offline).to_be_visible(timeout=LATER)
        await service.start()
        await expect(offline).to_be_hidden(timeout=LATER)
        await tab.stands("completed")
        assert tab.thread == id
        assert (await tab.texts())[:4] == before
        assert await tab.texts() == await service.said(id)
        await expect(tab.bubbles).to_have_count(10)
        await look.close()
        look.complain()


async def test_what_a_speaker_says_is_text_and_never_markup(
    look: Looking, service: Service
) -> None:
    evil = (
        '<img src=x onerror="document.title=1"><script>document.title=2</script>**x** ${7*7} {{7}}'
    )
    made = await service.api(
        "POST",
        "/api/conversations",
        json={
            "history": [{"role": "user", "content": evil}, {"role": "assistant", "content": evil}]
        },
    )
    tab = await look.tab(f"/ui/?thread={made['conversation_id']}")
    await expect(tab.bubbles).to_have_count(2)
    assert await tab.texts() == [evil, evil]
    assert await tab.page.title() == "Duologue"
    await expect(tab.page.locator("#stage .msg img, #stage .msg script")).to_have_count(0)


async def test_it_fits_a_phone(look: Looking) -> None:
    tab = await look.tab("/vi/", phone=True)
    assert await tab.wide() <= 0
    await tab.start()
    await tab.grown(4)
    assert await tab.wide() <= 0
    name = await tab.page.locator("#stage .msg.user .who b").first.bounding_box()
    assert name
    assert name["height"] < 30  # on one line
    stop = tab.button("Dừng")
    await expect(stop).to_be_in_viewport()
    await stop.tap()
    await tab.stands("đã dừng")
    await tab.page.get_by_role("link", name="Hội thoại").tap()
    await expect(tab.page.locator("#table tbody tr").first).to_be_visible()
    assert await tab.wide() <= 0


async def test_an_unknown_conversation_is_said_so_in_words(look: Looking) -> None:
    tab = await look.tab("/ui/?thread=00000000-0000-4000-8000-000000000000")
    await expect(tab.page.get_by_text("There is no such conversation.")).to_be_visible()


async def test_a_page_of_its_own_waits_for_its_server_and_loses_nothing(
    browser: Browser, tmp_path: Path
) -> None:
    async with Service(tmp_path, ui="false") as service:
        port = free_port()
        command = ["python", "-m", "cli", "ui", "--api", service.url, "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        async with Process(command, ready=f"{url}/ui/alive", startup=90):
            look = Looking(browser, url)
            tab = await look.tab("/vi/")
            id = await tab.start(turns=5)
            await tab.grown(4)
            listed = await look.tab("/vi/?view=find")
            chosen = listed.page.locator("#table [name=bot]")
            await expect(chosen.locator("[value='16']")).to_be_attached()
            await chosen.select_option("16")
            await service.kill9()
            trouble = tab.page.get_by_role("alert").filter(has_text=re.compile("kết nối"))
            await expect(trouble.filter(visible=True)).to_be_visible()
            await expect(listed.page.locator("#table .none")).to_contain_text("Không kết nối được")
            await expect(chosen).to_have_value("16")
            await service.start()
            await tab.stands("đã xong")
            await expect(trouble.filter(visible=True)).to_be_hidden()
            assert await tab.texts() == await service.said(id)
            await expect(tab.bubbles).to_have_count(10)
            await look.close()
            look.complain()

"""Finding: the list stays true, transcripts leave and come in, keys are asked for."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.looking import LATER, Looking
from tests.browser.service import Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


async def test_the_list_shows_what_runs_without_a_reload(look: Looking, service: Service) -> None:
    tab = await look.tab("/ui/?view=find")
    long = await service.started(bot_id=16, max_turns=400)
    runs = tab.page.locator("#table tbody tr").filter(has_text=long[:8])
    await expect(runs).to_contain_text("running", timeout=LATER)
    await service.api("POST", f"/api/conversations/{long}/stop")
    await expect(runs).to_contain_text("stopped", timeout=LATER)
    id = await service.started(bot_id=16, max_turns=4)
    row = tab.page.locator("#table tbody tr").filter(has_text=id[:8])
    await expect(row).to_contain_text("completed", timeout=LATER)
    await expect(row).to_contain_text("4/4")
    await expect(row).to_contain_text("turn limit reached")
    await tab.page.get_by_label("Search").fill("no-such-thing")
    await expect(tab.page.get_by_text("Nothing matches these filters.")).to_be_visible()
    await tab.page.get_by_label("Search").fill(id[:8])
    await expect(tab.page.locator("#table tbody tr")).to_have_count(1)
    await tab.page.get_by_label("Search").fill("")
    await tab.page.get_by_label("Status").select_option(label="interrupted")
    await expect(row).to_be_hidden()
    await tab.page.get_by_label("Status").select_option(label="completed")
    await row.click()
    await tab.stands("completed")
    await expect(tab.bubbles).to_have_count(8)
    await tab.page.go_back()
    await expect(row).to_be_visible()


def read(saved: Path) -> str:
    """A download as text, JSON's escapes undone."""
    return saved.read_text(encoding="utf-8").replace("\\n", "\n").replace('\\"', '"')


async def test_a_transcript_is_downloaded_and_another_one_continued(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=1)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.stands("completed")
    for name in ("Text", "Text", "JSON", "Markdown"):  # also the same one once more
        async with tab.page.expect_download() as found:
            await tab.button(f"Download: {name}").click()
        text = read(Path(await (await found.value).path()))
        assert all(line in text for line in await service.said(id))
    await tab.page.get_by_role("link", name="Simulate").click()
    await tab.page.get_by_text("More options").click()
    await tab.page.get_by_label("Continue a transcript").fill("User: sẵn sàng\nBot: Chào bạn!")
    await tab.page.get_by_label("Turns").first.fill("1")
    await tab.page.locator("#start").click()
    await tab.stands("completed")
    given = tab.page.locator("#stage .msg.given")
    await expect(given).to_have_count(2)
    assert (await tab.texts())[:2] == ["sẵn sàng", "Chào bạn!"]


async def test_a_transcript_without_a_line_is_a_file_too(look: Looking, service: Service) -> None:
    made = await service.api("POST", "/api/conversations", json={"bot_id": 16})
    tab = await look.tab(f"/ui/?thread={made['conversation_id']}")
    async with tab.page.expect_download() as found:
        await tab.button("Download: Text").click()
    assert read(Path(await (await found.value).path())) == ""


async def test_everything_of_a_client_is_reached_and_nobody_elses(
    look: Looking, service: Service
) -> None:
    told = {"client_id": "lan", "bot_id": 16, "max_turns": 1}
    made = [await service.api("POST", "/api/conversations", json=told) for _ in range(65)]
    oldest = str(made[0]["conversation_id"])
    tab = await look.tab("/ui/?view=find&client=lan")
    rows = tab.page.locator("#table tbody tr")
    await expect(rows).to_have_count(50)
    await tab.button("Show more").click()
    await expect(rows).to_have_count(65)
    await expect(tab.button("Show more")).to_be_hidden()
    await rows.filter(has_text=oldest[:8]).click()
    assert (tab.thread, "client=lan" in tab.page.url) == (oldest, True)
    await tab.button("Start").click()
    await tab.stands("completed")
    other = await look.tab(f"/ui/?thread={oldest}")
    await expect(other.page.get_by_text("belongs to another client")).to_be_visible()


async def test_a_long_list_is_in_the_document_in_part_and_can_be_read_whole(
    look: Looking, service: Service
) -> None:
    told = {"client_id": "many", "bot_id": 16, "max_turns": 1}
    made = [await service.api("POST", "/api/conversations", json=told) for _ in range(230)]
    tab = await look.tab("/ui/?view=find&client=many", phone=True)
    more, rows = tab.button("Show more"), tab.page.locator("#table tbody tr:not(.gap)")
    for shown in (100, 200, 230):
        await more.click()
        await expect(tab.page.locator("#table .count")).to_have_text(f"{shown} shown")
    await expect(more).to_be_hidden()
    assert await rows.count() < 100
    assert await tab.page.evaluate("document.querySelectorAll('*').length") <= 2000
    oldest = rows.filter(has_text=str(made[0]["conversation_id"])[:8])
    await expect(oldest).not_to_be_attached()
    await tab.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await expect(oldest).to_be_attached()
    await oldest.tap()
    assert tab.thread == made[0]["conversation_id"]


async def test_a_link_that_was_copied_can_be_copied_again(look: Looking, service: Service) -> None:
    made = await service.api("POST", "/api/conversations", json={"bot_id": 16})
    tab = await look.tab(f"/ui/?thread={made['conversation_id']}")
    copy = tab.page.locator("#side [data-act=copy]")
    for _ in range(2):
        await copy.click()
        await expect(copy).to_have_text("Copied")
    await expect(copy).to_have_text("Copy link")


async def test_a_key_is_asked_for_where_one_is_needed(browser: Browser, tmp_path: Path) -> None:
    async with Service(tmp_path, api_keys="open-sesame") as service:
        look = Looking(browser, service.url, cut_off=True)  # a right key loads the page anew
        tab = await look.tab()
        field = tab.page.get_by_label("API key")
        await field.fill("wrong")
        await tab.button("Continue").click()
        await expect(tab.page.get_by_text("The server does not take this key.")).to_be_visible()
        await field.fill("open-sesame")
        await tab.button("Continue").click()
        await tab.start()
        await tab.grown(3)
        await tab.reload()
        await tab.grown(3)
        config = await (await tab.page.request.get(f"{service.url}/ui/config")).text()
        assert "open-sesame" not in config
        await look.close()
        look.complain()

"""Suites and experiments: run, read, steered, and followed to the turn that failed."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.looking import LATER, Looking
from tests.browser.service import Service
from tests.browser.test_access import TINY, ended
from tests.browser.test_keyboard import reach

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


async def begin(service: Service, **changes: Any) -> str:
    asked = {"suite": {**TINY, **changes}}
    return str((await service.api("POST", "/api/experiments", json=asked))["id"])


async def test_a_failing_trial_is_traced_to_its_turn_by_keys_alone(
    look: Looking, service: Service
) -> None:
    id = await begin(service)
    tab = await look.tab("/ui/?view=experiments")
    row = tab.page.locator("#lab .experiment", has=tab.page.locator(f'[data-pick="{id}"]'))
    await expect(row).to_contain_text("completed", timeout=LATER)
    await expect(row).to_contain_text("4 of 4 done")
    press = tab.page.keyboard.press
    await row.get_by_role("link").focus()
    await press("Enter")
    await expect(tab.page.locator("#lab .heat").first).to_be_visible()
    cell = '#lab .heat a[href*="careless"]'
    await tab.page.locator("#lab .heat a").first.focus()
    await reach(tab, cell)
    await press("Enter")
    trials = tab.page.locator("#lab .trials tbody tr")
    await expect(trials).to_have_count(2)
    await expect(trials.first).to_contain_text("no_praise_for_a_wrong_word")
    await tab.page.locator("#lab .trials a").first.focus()
    await press("Enter")
    await tab.page.wait_for_url(re.compile(r"thread=.*at="))
    at = re.search(r"at=(\d+)", tab.page.url)
    assert at
    turn = tab.page.locator(f'#stage .msg[data-index="{at[1]}"]')
    await expect(turn).to_be_focused()
    await expect(turn.locator("mark.fail")).to_be_in_viewport()
    await expect(tab.page.locator("#head .outcome")).to_have_text("failed")
    verdict = tab.page.locator("#side .verdict-row", has_text="no_praise_for_a_wrong_word")
    await expect(verdict.get_by_role("button").first).to_be_visible()


async def test_a_trial_is_run_again_with_its_set_up(look: Looking, service: Service) -> None:
    id = await begin(service)
    await ended(service, id)
    trials = await service.api("GET", f"/api/experiments/{id}/trials?outcome=failed")
    talk = str(trials["trials"][0]["conversation_id"])
    tab = await look.tab(f"/ui/?thread={talk}")
    await expect(tab.page.locator("#side .setup")).to_contain_text("repeat")
    await tab.button("Run again").click()
    await tab.page.wait_for_url(re.compile(rf"thread=(?!{talk})"))
    again = await service.api("GET", f"/api/conversations/{tab.thread}")
    assert (again["bot_id"], again["persona"]) == ("careless", "child")
    await service.api("POST", f"/api/conversations/{tab.thread}/stop")


async def test_an_experiment_is_stopped_and_resumed_and_its_map_fills(
    look: Looking, service: Service
) -> None:
    id = await begin(service, repeats=300, concurrency=2)
    tab = await look.tab(f"/vi/?experiment={id}")
    chip = tab.page.locator("#lab .chip").first
    await expect(chip).to_have_text("đang chạy")
    bar = tab.page.locator("#lab [role=progressbar]")
    await expect(bar).not_to_have_attribute("aria-valuenow", "0", timeout=LATER)
    await tab.button("Dừng").click()
    await expect(chip).to_have_text("đã dừng", timeout=LATER)
    await tab.button("Tiếp tục").click()
    await expect(chip).to_have_text("đang chạy", timeout=LATER)
    await tab.button("Tạm dừng").click()
    await expect(chip).to_have_text("tạm dừng", timeout=LATER)
    async with tab.page.expect_download() as found:
        await tab.button("↓ Báo cáo (csv)").click()
    assert (await found.value).suggested_filename == f"duologue-{id[:8]}.csv"


async def test_two_experiments_are_compared_on_a_phone(look: Looking, service: Service) -> None:
    base = await begin(service)
    await ended(service, base)
    head = await begin(service, name="Tiny", repeats=2)
    await ended(service, head)
    tab = await look.tab("/ui/?view=experiments", phone=True)
    compare = tab.button("Compare the two that are chosen")
    await expect(compare).to_be_disabled()
    for id in (base, head):
        await tab.page.locator(f'[data-pick="{id}"]').check()
    await compare.click()
    await tab.page.wait_for_url(re.compile(f"experiment={head}&against={base}"))
    await expect(tab.page.locator("#lab .verdict")).to_contain_text("Undecided")
    await expect(tab.page.get_by_text("No cell flipped.").first).to_be_visible()
    assert await tab.wide() <= 0


async def test_an_experiment_that_is_not_there_is_said_so(look: Looking) -> None:
    tab = await look.tab("/ui/?experiment=00000000-0000-4000-8000-000000000000")
    await expect(tab.page.get_by_text("There is no such experiment.")).to_be_visible()

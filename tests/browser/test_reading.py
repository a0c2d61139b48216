"""Reading: the page keeps the reader's place, however long the conversation."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.looking import Looking, Tab
from tests.browser.service import Service
from tests.servers.gate import Gate
from tests.servers.host import free_port
from tests.servers.process import Process

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]
LINE = "Hôm nay mình học cách gọi đồ uống nhé, bạn nghe thật kỹ rồi nói lại cả câu. "


def history(count: int) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[at % 2], "content": f"Câu {at}: {LINE * (1 + at % 3)}"}
        for at in range(count)
    ]


async def long_run(service: Service, count: int, turns: int = 400) -> str:
    return await service.started(bot_id=16, max_turns=turns, history=history(count))


async def stop(service: Service, id: str) -> None:
    await service.api("POST", f"/api/conversations/{id}/stop")


async def top_of(page: Page) -> float:
    y: float = await page.evaluate("scrollY")
    return y


async def stop_following(page: Page) -> None:
    await page.mouse.move(500, 400)
    await page.mouse.wheel(0, -100)
    await page.wait_for_function("document.documentElement.style.overflowAnchor === ''")


async def turn_wheel_up(page: Page) -> float:
    """Where the page is then, of which nothing but the reader moves."""
    before = await top_of(page)
    await page.mouse.wheel(0, -300)
    await page.wait_for_function("before => scrollY <= before - 299", arg=before)
    return await top_of(page)


async def test_who_scrolls_up_while_the_bot_speaks_stays_there(
    look: Looking, service: Service
) -> None:
    id = await long_run(service, 30)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.grown(32)
    newest = tab.page.get_by_role("button", name=re.compile("newest"))
    await expect(newest).to_be_hidden()
    await stop_following(tab.page)
    for _ in range(3):
        place, many = await turn_wheel_up(tab.page), len(await tab.texts())
        await tab.grown(many + 2)
        assert abs(await top_of(tab.page) - place) <= 2
    await expect(newest).to_have_text(re.compile(r"↓ newest \(\d+\)"))
    await newest.click()
    await expect(newest).to_be_hidden()
    many = len(await tab.texts())
    await tab.grown(many + 1)
    await expect(tab.bubbles.last).to_be_in_viewport()
    await stop(service, id)


async def test_a_conversation_that_is_over_has_nothing_new(look: Looking, service: Service) -> None:
    id = await long_run(service, 30)
    await stop(service, id)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.stands("stopped")
    await tab.page.mouse.wheel(0, 300)
    await tab.page.wait_for_function("scrollY >= 299")
    await expect(tab.page.locator("#newest")).to_be_hidden()


async def test_a_page_that_was_open_before_its_conversation_was_known_follows_it(
    browser: Browser, service: Service
) -> None:
    id = await long_run(service, 30)
    async with Gate(service.url, f"/api/conversations/{id}").serving() as gate:
        port = free_port()
        command = ["python", "-m", "cli", "ui", "--api", gate.url, "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        async with Process(command, ready=f"{url}/ui/alive", startup=90):
            look = Looking(browser, url)
            tab = await look.tab(f"/ui/?thread={id}")
            await expect(tab.page.locator("body[data-stands=opening]")).to_be_attached()
            gate.let_go.set()
            await tab.grown(32)
            await expect(tab.bubbles.last).to_be_in_viewport()
            await tab.grown(await tab.page.evaluate("window.duologue.rows.length") + 2)
            await expect(tab.bubbles.last).to_be_in_viewport()
            await expect(tab.page.get_by_role("button", name=re.compile("newest"))).to_be_hidden()
            await look.close()
            look.complain()
    await stop(service, id)


async def test_an_answer_of_several_lines_leaves_the_page_where_it_is(
    look: Looking, service: Service
) -> None:
    made = await service.api(
        "POST", "/api/conversations", json={"bot_id": 16, "user": "human", "history": history(30)}
    )
    tab = await look.tab(f"/ui/?thread={made['conversation_id']}")
    await expect(tab.bubbles).to_have_count(30)
    line = tab.page.get_by_label("Your answer as the user")
    await line.click()
    for _ in range(4):
        await tab.page.keyboard.type("một dòng")
        await tab.page.keyboard.press("Shift+Enter")
    await tab.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    await tab.page.evaluate(
        """() => {
            window.tops = [];
            const look = () => { window.tops.push(scrollY); requestAnimationFrame(look); };
            requestAnimationFrame(look);
        }"""
    )
    await tab.page.keyboard.type("dòng cuối")
    await expect(line).to_have_value(re.compile("dòng cuối$"))
    await tab.page.wait_for_function("seen => window.tops.length > seen + 5", arg=await frames(tab))
    assert len(set(await tab.page.evaluate("window.tops"))) == 1


async def frames(tab: Tab) -> int:
    count: int = await tab.page.evaluate("window.tops.length")
    return count


@pytest.mark.parametrize("count", [400, 2000])
async def test_a_long_conversation_is_in_the_document_in_part_and_can_be_read_whole(
    look: Looking, service: Service, count: int
) -> None:
    id = await long_run(service, count)
    tab = await look.tab(f"/ui/?thread={id}", phone=True)
    await tab.grown(count + 2, 45_000)
    await expect(tab.bubbles.last).to_be_in_viewport()
    assert await nodes(tab) <= 2000
    await tab.page.evaluate("scrollTo(0, 0)")
    first = tab.page.locator('#stage [data-index="0"] .text')
    await expect(first).to_be_in_viewport()
    await tab.page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    await tab.page.wait_for_function(
        "count => [...document.querySelectorAll('#stage .msg')].some(row => {"
        "const box = row.getBoundingClientRect(), at = Number(row.dataset.index);"
        "return box.top < innerHeight && box.bottom > 0 && at > count * 0.3 && at < count * 0.7;})",
        arg=count,
    )
    assert await nodes(tab) <= 2000
    await stop(service, id)


async def nodes(tab: Tab) -> int:
    count: int = await tab.page.evaluate("document.querySelectorAll('*').length")
    return count


async def drawn_and_there(tab: Tab) -> tuple[int, int]:
    """The rows drawn since the count began, and the lines that there are, in one moment."""
    found = await tab.page.evaluate("[window.drawn, window.duologue.rows.length]")
    return int(found[0]), int(found[1])


@pytest.mark.parametrize(("count", "phone"), [(60, False), (400, True), (2000, True)])
async def test_only_the_row_that_changed_is_drawn(
    look: Looking, service: Service, count: int, phone: bool
) -> None:
    id = await long_run(service, count)
    tab = await look.tab(f"/ui/?thread={id}", phone=phone)
    await tab.grown(count + 2)
    await tab.page.evaluate(
        """() => {
            window.drawn = 0;
            new MutationObserver((all) => {
              for (const one of all) for (const node of one.addedNodes)
                if (node.matches?.('.msg')) window.drawn += 1;
            }).observe(document.querySelector('#stage'), { childList: true, subtree: true });
        }"""
    )
    begun = await drawn_and_there(tab)
    await tab.grown(begun[1] + 4)
    ended = await drawn_and_there(tab)
    drawn, more = ended[0] - begun[0], ended[1] - begun[1]
    # Who thinks, what is being said, what was said, and the row that a short line leaves room for:
    # four elements a message, however many pieces, and however many rows there are.
    assert drawn <= 4 * (more + 1)
    await stop(service, id)


async def test_a_page_that_nothing_happens_on_draws_nothing(look: Looking) -> None:
    tab = await look.tab("about:blank")
    await tab.page.add_init_script(
        "const real = requestAnimationFrame; window.frames_asked = 0;"
        "window.requestAnimationFrame = (f) => { window.frames_asked += 1; return real(f); };"
    )
    await tab.page.goto(f"{look.url}/ui/")
    await tab.ready()
    # Sooner or later, in twenty of its own timers: a page that draws for ever never gets there.
    await tab.page.evaluate(
        """async () => {
            for (let asked = Infinity; asked > 20;) {
              const before = window.frames_asked;
              for (let tick = 0; tick < 20; tick += 1)
                await new Promise((go) => setTimeout(go, 100));
              asked = window.frames_asked - before;
            }
        }"""
    )


async def test_dark_paper_is_dark_on_white_and_has_every_line(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=1, history=history(200))
    tab = await look.tab(f"/ui/?thread={id}", color_scheme="dark")
    await tab.stands("completed")
    await tab.page.emulate_media(media="print", color_scheme="dark")
    await expect(tab.bubbles).to_have_count(202)
    colours = await tab.page.evaluate(
        "['#stage .msg.user .text', '#stage .msg.assistant .text', '#head h1', '#stage .who b']"
        ".map(one => getComputedStyle(document.querySelector(one)).color)"
    )
    assert set(colours) == {"rgb(0, 0, 0)"}
    paper = await tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    await tab.page.emulate_media(media="screen", color_scheme="dark")
    await expect(tab.bubbles.nth(150)).not_to_be_attached()


async def test_the_transcript_is_one_stop_of_the_tab_key_and_arrows_lead_through_it(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=400, history=history(10))
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.grown(12)
    await tab.page.locator("#top [data-theme]").focus()
    stops = []
    for _ in range(12):
        await tab.page.keyboard.press("Tab")
        stops.append(
            await tab.page.evaluate("document.activeElement.id || document.activeElement.className")
        )
        if stops[-1] == "stop":
            break
    assert stops[-1] == "stop"
    assert len(stops) <= 6
    assert sum("msg" in one for one in stops) <= 1
    await stop(service, id)
    await tab.stands("stopped")
    row = tab.page.locator("#stage .msg").last
    await row.focus()
    await tab.page.keyboard.press("Home")
    await expect(tab.page.locator('#stage .msg[data-index="0"]')).to_be_focused()
    await tab.page.keyboard.press("ArrowDown")
    await expect(tab.page.locator('#stage .msg[data-index="1"]')).to_be_focused()
    await tab.page.keyboard.press("Tab")
    await expect(tab.page.get_by_role("button", name="Retry")).to_be_focused()


async def test_the_branch_dialog_keeps_the_focus_and_gives_it_back(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=2)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.stands("completed")
    await tab.page.locator('#stage .msg[data-index="1"]').focus()
    branch = tab.page.get_by_role("button", name="Branch", exact=True)
    await branch.focus()
    await tab.page.keyboard.press("Enter")
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Branch and run")).to_be_enabled()
    for key in ["Tab"] * 12 + ["Shift+Tab"] * 12:
        await tab.page.keyboard.press(key)
        inside = await tab.page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('#fork')"
        )
        assert inside
    await tab.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(branch).to_be_focused()

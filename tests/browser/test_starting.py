"""The first seconds: who looks before the page is there waits for it, and never sees JSON."""

import asyncio
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from tests.browser.looking import LATER, Looking, hold_requests
from tests.browser.service import Service

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


@pytest.mark.parametrize(
    ("path", "language", "title"),
    [
        ("/ui/?view=chat", "en", "The page is being prepared"),
        ("/vi/?view=chat", "vi", "Đang chuẩn bị trang"),
    ],
)
async def test_who_is_early_sees_a_page_that_waits_and_opens_by_itself(
    browser: Browser, tmp_path: Path, path: str, language: str, title: str
) -> None:
    service = Service(tmp_path)
    starting = asyncio.ensure_future(service.start())
    async with httpx.AsyncClient() as http:
        early = await first_answer(http, service.url + path)
        bare = await http.get(f"{service.url}/ui/config")
    assert early.headers["content-type"].startswith("text/html")
    assert f'<html lang="{language}"' in early.text
    assert early.headers["retry-after"] == "1"
    assert title in early.text
    if bare.status_code != 200:
        assert bare.headers["content-type"] == "application/problem+json"
    look = Looking(browser, service.url, cut_off=True)
    tab = await look.tab(path)
    await expect(tab.page.locator("#page-chat h1")).to_be_visible(timeout=30_000)
    assert "view=chat" in tab.page.url
    await look.close()
    await starting
    await service.close()


async def test_a_server_that_is_back_but_not_ready_is_said_to_be_starting(look: Looking) -> None:
    tab = await look.tab()
    await tab.ready()
    await tab.page.route("**/alive", lambda route: route.fulfill(status=204))
    await expect(tab.page.get_by_text("The server is starting.")).to_be_visible(timeout=LATER)
    await expect(tab.page.get_by_text("The server does not answer.")).to_be_hidden()
    await tab.page.unroute("**/alive")
    await expect(tab.page.get_by_text("The server is starting.")).to_be_hidden(timeout=LATER)
    await expect(tab.page.locator("#start")).to_be_visible()


async def first_answer(http: httpx.AsyncClient, url: str) -> httpx.Response:
    while True:
        try:
            return await http.get(url, headers={"Accept": "text/html"})
        except httpx.TransportError:
            await asyncio.sleep(0.02)


async def test_an_address_that_leads_nowhere_is_a_page_for_a_browser(
    browser: Browser, service: Service
) -> None:
    look = Looking(browser, service.url, cut_off=True)
    tab = await look.tab("/vi/khong-co")
    await expect(tab.page.get_by_role("heading")).to_have_text("Không có trang này")
    await expect(tab.page.get_by_role("link")).to_have_css("background-color", "rgb(15, 118, 110)")
    await tab.page.get_by_role("link").click()
    await tab.ready()
    await look.close()
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{service.url}/vi/khong-co", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_leaving_a_page_is_no_error(look: Looking, service: Service) -> None:
    id = await service.started(bot_id=16, max_turns=4)
    tab = await look.tab(f"/ui/?thread={id}")
    await tab.grown(2)
    await tab.page.goto(f"{look.url}/ui/?view=find")
    await expect(tab.page.locator("#table tbody tr").first).to_be_visible()
    await tab.page.goto(f"{look.url}/vi/")
    await tab.ready()
    assert not look.complaints


async def test_a_page_that_is_left_keeps_its_stream_until_the_next_one_is_there(
    look: Looking,
) -> None:
    """Gradio would close it, and for an answer that comes after that open another, in vain."""
    tab = await look.tab()
    await tab.ready()
    await tab.page.evaluate(
        """() => {
            const ask = window.fetch;
            window.fetch = async (...all) => {
                const answer = await ask(...all);
                if (answer.url.includes('/queue/join'))
                  setTimeout(() => setTimeout(() => setTimeout(() => console.debug('taken'), 50)));
                return answer;
            };
        }"""
    )
    answered, left, arrived = await hold_requests(tab), asyncio.Event(), asyncio.Event()
    async with tab.page.expect_request("**/queue/join*"):
        await tab.page.get_by_role("link", name="Conversations").click()

    async def wait(route: Route) -> None:
        left.set()
        await arrived.wait()
        await route.continue_()

    await tab.page.route("**/vi/", wait)
    going = asyncio.ensure_future(tab.page.goto(f"{look.url}/vi/"))
    await left.wait()
    streams: list[str] = []
    tab.page.on("request", lambda one: streams.append(one.url) if "queue/data" in one.url else None)
    async with tab.page.expect_console_message(lambda one: one.text == "taken"):
        answered.set()
    assert not streams
    arrived.set()
    await going
    await tab.ready()


async def test_a_page_stays_as_it_is_where_the_same_server_answers_again(
    look: Looking, service: Service
) -> None:
    id = await service.started(bot_id=16, max_turns=400)
    tab = await look.tab(f"/ui/?thread={id}")
    look.cut_off = True
    await tab.grown(2)
    await tab.page.evaluate("window.untouched = true")
    await tab.page.wait_for_event("response", lambda one: one.url.endswith("/alive"))
    await tab.page.route("**/ui/alive", lambda route: route.abort())
    offline = tab.page.get_by_text("The server does not answer. Reconnecting …")
    await expect(offline).to_be_visible(timeout=LATER)
    banner = await offline.bounding_box()
    # At one moment: a running page draws its head anew.
    tops = await tab.page.evaluate(
        "['#head h1', '#head .chip']"
        ".map(one => document.querySelector(one).getBoundingClientRect().y)"
    )
    assert min(tops) >= banner["y"] + banner["height"]
    await tab.page.unroute("**/ui/alive")
    await expect(offline).to_be_hidden(timeout=LATER)
    many = len(await tab.texts())
    await tab.grown(many + 2, LATER)
    assert await tab.page.evaluate("window.untouched") is True
    await tab.button("Stop").click()
    await tab.stands("stopped")

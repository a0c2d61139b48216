"""A page of another site, or on a name that leads here by an attacker's DNS, can do nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.service import Service

REBOUND = "rebound.example"
FOREIGN = "foreign.example"
# Every way in which a page sends: with and without a body, read or not read, by form and by image.
ATTACK = """async base => {
  const json = {'Content-Type': 'application/json'};
  const simulate = JSON.stringify({bot_id: 16, max_turns: 1});
  const tries = {
    list: [`/api/conversations`, {}],
    session: ['/session', {method: 'POST'}],
    session_blind: ['/session', {method: 'POST', mode: 'no-cors'}],
    ping: ['/api/bots/16/ping', {method: 'POST', mode: 'no-cors'}],
    simulate: ['/api/simulate', {method: 'POST', headers: json, body: simulate}],
    simulate_blind: ['/simulate', {method: 'POST', mode: 'no-cors', body: simulate}],
    remove: [`/api/conversations/${window.target}`, {method: 'DELETE'}],
    events: [`/api/conversations/${window.target}/events`, {}],
    page: ['/ui/gradio_api/queue/join', {method: 'POST', mode: 'no-cors', body: '{}'}],
  };
  const results = {};
  for (const [name, [path, options]] of Object.entries(tries)) {
    try {
      const answer = await fetch(base + path, options);
      results[name] = answer.type === 'opaque' ? 'opaque' : answer.status;
    } catch (error) { results[name] = 'blocked'; }
  }
  const form = document.createElement('form');
  const frame = document.createElement('iframe');
  frame.name = 'sink';
  const ended = new Promise(resolve => setTimeout(resolve, 1000));
  document.body.append(frame, form);
  Object.assign(form, {method: 'POST', action: base + '/session', target: 'sink'});
  form.submit();
  await ended;
  return results;
}"""


@asynccontextmanager
async def attacker() -> AsyncIterator[int]:
    """A site that serves one empty page; gives its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><title>evil</title><body></body>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def visit(url: str) -> AsyncIterator[Page]:
    """A Chromium for which the attacker's names lead to this machine."""
    rules = f"MAP {REBOUND} 127.0.0.1, MAP {FOREIGN} 127.0.0.1"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--host-resolver-rules={rules}"]
        )
        page = await browser.new_page()
        await page.goto(url)
        yield page
        await browser.close()


async def attack(page: Page, base: str, target: str) -> dict[str, Any]:
    await page.evaluate("id => { window.target = id }", target)
    results: dict[str, Any] = await page.evaluate(ATTACK, base)
    return results


async def everything(service: Service) -> tuple[list[str], list[str]]:
    """The ids of all conversations, and what was said in each."""
    listed = (await service.api("GET", "/api/conversations"))["conversations"]
    ids = [row["conversation_id"] for row in listed]
    return ids, [line for id in ids for line in await service.said(id)]


@pytest.mark.timeout(120)
async def test_a_page_of_another_origin_reads_starts_and_deletes_nothing(service: Service) -> None:
    target = await service.started(bot_id="robot", max_turns=1, user="scripted")
    before = await everything(service)
    async with attacker() as port, visit(f"http://{FOREIGN}:{port}") as page:
        results = await attack(page, service.url, target)
    assert set(results.values()) <= {"blocked", "opaque"}, results
    assert (await everything(service))[0] == before[0]


@pytest.mark.timeout(120)
async def test_a_rebound_name_is_answered_by_nothing_but_a_refusal(service: Service) -> None:
    target = await service.started(bot_id="robot", max_turns=1, user="scripted")
    before = await everything(service)
    base = f"http://{REBOUND}:{service.port}"
    async with visit(f"{base}/health") as page:
        assert "DUOLOGUE_ALLOWED_HOSTS" in await page.content()
        results = await attack(page, base, target)
    assert set(results.values()) == {421}, results
    assert (await everything(service))[0] == before[0]


@pytest.mark.timeout(120)
async def test_another_site_cannot_frame_the_page_and_may_link_to_it(service: Service) -> None:
    async with attacker() as port, visit(f"http://{FOREIGN}:{port}") as page:
        await page.evaluate(
            "url => { const f = document.createElement('iframe'); f.src = url;"
            " document.body.append(f); return new Promise(r => f.onload = r) }",
            f"{service.url}/ui/",
        )
        framed = page.frames[1]
        assert "DUOLOGUE_CORS_ORIGINS" in await framed.content()
        await page.evaluate("url => { location.href = url }", f"{service.url}/ui/")
        await page.wait_for_url(f"{service.url}/ui/**")
        await page.wait_for_function("document.title.includes('Duologue')")

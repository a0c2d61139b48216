"""One call: what is sent is let go of, and what comes back is bounded (see test_webhook.py)."""

import asyncio
import gc
import sys
import weakref
from contextvars import ContextVar

import pytest

from core.errors import BotError
from nodes.calls.http import HttpClient, read_body, redacted_url, request
from tests.unit.nodes.desk import desk


async def test_a_request_s_body_is_not_held_while_the_answer_comes() -> None:
    http, content = HttpClient(), b'"' + b"x" * 100_000 + b'"'
    held = sys.getrefcount(content)
    async with desk() as service:
        asked = request(
            http, BotError, "POST", service.url, address="it", headers={}, content=content
        )
        async with asked as answer:
            assert sys.getrefcount(content) == held
            assert await read_body(answer, BotError, "it") == b'{"text": "Ch\\u00e0o"}'
    await http.aclose()


class Run:
    """What a run's context holds."""


async def test_a_connection_that_stays_open_holds_nothing_of_the_run_that_opened_it() -> None:
    http, running = HttpClient(), ContextVar[Run | None]("running", default=None)

    async def call() -> None:
        asked = request(http, BotError, "GET", url, address="it", headers={}, content=None)
        async with asked as answer:
            await read_body(answer, BotError, "it")

    async def run() -> "weakref.ref[Run]":
        one = Run()
        running.set(one)
        await asyncio.gather(*(call() for _ in range(5)))
        return weakref.ref(one)

    async with desk() as service:
        url = service.url
        await call()
        held = await asyncio.ensure_future(run())
        await asyncio.sleep(0)  # the loop lets go of the task
        gc.collect()
        pooled = http.session.connector._conns  # type: ignore[union-attr]
        assert [len(connections) for connections in pooled.values()] == [5]
        assert held() is None
    await http.aclose()


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://a..b/x", {}),
        ("http://127.0.0.1:9/x", {"X-Key": "a\x1bb"}),
        ("http://u:p@127.0.0.1:9/x", {"Authorization": "Bearer k"}),
    ],
)
async def test_what_cannot_be_sent_is_the_speaker_s_error_and_shows_no_secret(
    url: str, headers: dict[str, str]
) -> None:
    http = HttpClient()
    with pytest.raises(BotError) as caught:
        async with request(http, BotError, "GET", url, address="it", headers=headers, content=None):
            pass
    await http.aclose()
    assert (caught.value.code, caught.value.unheard) == ("bot_unreachable", True)
    assert caught.value.message.startswith("it cannot be")


def test_an_address_is_shown_without_query_and_user() -> None:
    assert redacted_url("http://u:p@host:1/v1/?key=x") == "http://host:1/v1"
    assert redacted_url("https://host") == "https://host"
    assert redacted_url("http://host/${TOKEN}/v1") == "http://host/${TOKEN}/v1"

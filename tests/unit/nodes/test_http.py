"""One call: what is sent is let go of, and what comes back is bounded (see test_webhook.py)."""

import asyncio
import gc
import sys
import weakref
from contextvars import ContextVar

from graph.errors import BotError
from nodes.http import Client, body, request
from tests.unit.nodes.desk import desk


async def test_a_request_s_body_is_not_held_while_the_answer_comes() -> None:
    http, content = Client(), b'"' + b"x" * 100_000 + b'"'
    held = sys.getrefcount(content)
    async with desk() as service:
        asked = request(
            http, BotError, "POST", service.url, shown="it", headers={}, content=content
        )
        async with asked as answer:
            assert sys.getrefcount(content) == held
            assert await body(answer, BotError, "it") == b'{"text": "Ch\\u00e0o"}'
    await http.aclose()


class Run:
    """What a run's context holds."""


async def test_a_connection_that_stays_open_holds_nothing_of_the_run_that_opened_it() -> None:
    http, running = Client(), ContextVar[Run | None]("running", default=None)

    async def call() -> None:
        asked = request(http, BotError, "GET", url, shown="it", headers={}, content=None)
        async with asked as answer:
            await body(answer, BotError, "it")

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

"""One call: what is sent is let go of, and what comes back is bounded (see test_webhook.py)."""

import sys

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

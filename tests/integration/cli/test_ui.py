"""`duologue ui` as a process: it comes, it says where, and it goes when it is told to."""

import signal

import aiohttp
import pytest

from tests.integration.cli.desk import STARTUP, Desk
from tests.servers.host import free_port
from tests.servers.process import answers
from tests.servers.wait import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_page_that_is_told_to_end_ends_well(desk: Desk, number: signal.Signals) -> None:
    port = free_port()
    async with desk.types("ui", "--api", "http://127.0.0.1:9", "--port", str(port)) as page:
        await wait_until(
            lambda: answers(f"http://127.0.0.1:{port}/favicon.ico"), STARTUP, what=page.told("up")
        )
        page.signal(number)
        assert await page.wait(20) == 0, page.told("ended")
    assert f"http://127.0.0.1:{port}" in page.stdout
    assert "Traceback" not in page.stderr


async def test_page_answers_to_its_own_names_and_to_pages_of_its_own(desk: Desk) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    desk.settings = {"DUOLOGUE_ALLOWED_HOSTS": "talks.example"}
    requests = {
        "its name": ({}, 200),
        "a configured name": ({"Host": "talks.example"}, 200),
        "another name": ({"Host": f"evil.example:{port}"}, 421),
        "its own page": ({"Origin": url, "Sec-Fetch-Site": "same-origin"}, 200),
        "another page": ({"Origin": "http://evil.example"}, 403),
    }
    async with desk.types("ui", "--api", "http://127.0.0.1:9", "--port", str(port)) as page:
        await wait_until(lambda: answers(f"{url}/favicon.ico"), STARTUP, what=page.told("up"))
        async with aiohttp.ClientSession() as http:
            for what, (headers, status) in requests.items():
                async with http.get(f"{url}/ui/", headers=headers) as response:
                    assert response.status == status, what
                    if status != 200:
                        assert response.content_type == "application/problem+json"
                        assert "DUOLOGUE_" in await response.text()

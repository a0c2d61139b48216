"""`duologue ui` as a process: it comes, it says where, and it goes when it is told to."""

import signal

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

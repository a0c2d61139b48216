"""The page beside the API gives no file, proxies nothing, shows no secret and holds up no end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.api.service import Service
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
KEY = "SECRETAPIKEY0123456789"
MODEL_KEY = "sk-SECRETMODEL0123456789"
PAGES = ("/ui", "/vi")


@pytest.fixture
async def paged(opened: Opened) -> Service:
    """A service with its pages up."""
    service = await opened(ui="true", api_keys=KEY, OPENAI_API_KEY=MODEL_KEY)
    service.headers = {"X-API-Key": KEY}

    async def up() -> bool:
        return (await service.ask("GET", "/ui/")).status == 200

    await wait_until(up, 40, what="the page is up")
    return service


@pytest.mark.timeout(120)
async def test_the_pages_give_no_file_proxy_nothing_and_show_no_secret(
    paged: Service, robot: RobotServer
) -> None:
    secrets = (KEY, MODEL_KEY, robot.url, "root:x:0:0", "duologue.db")
    for page in PAGES:
        for path in (
            "/gradio_api/file=/etc/passwd",
            "/file=/etc/passwd",
            "/gradio_api/file/etc/passwd",
            f"/gradio_api/file={paged.folder}/bots.yaml",
            f"/gradio_api/proxy={robot.url}/",
            f"/proxy={robot.url}/",
            "/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/gradio_api/upload",
        ):
            for method in ("GET", "POST"):
                answer = await paged.ask(method, f"{page}{path}", data={"a": "b"})
                assert answer.status >= 400, path
                assert answer.status < 500, path
                assert not [mark for mark in secrets if mark in answer.text], path
        for path in ("/", "/config", "/gradio_api/info", "/gradio_api/startup-events"):
            answer = await paged.ask("GET", f"{page}{path}")
            assert answer.status < 500, path
            assert not [mark for mark in secrets[:2] if mark in answer.text], path
    assert not robot.calls


@pytest.mark.timeout(60)
async def test_it_ends_in_time_with_pages_up(paged: Service, robot: RobotServer) -> None:
    held = robot.fail("hold", turn=2, times=1)
    id = await paged.begin(3)
    await wait_until(lambda: held.fired)
    paged.process.terminate()
    assert await paged.process.wait(10) == 0
    assert "Traceback" not in paged.log
    await paged.process.close()
    robot.release()
    await paged.start()
    await asyncio.sleep(0)
    await paged.until(id, "completed")

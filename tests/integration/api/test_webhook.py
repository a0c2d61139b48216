"""A server that is killed between an end and its delivery delivers once it is back."""

from collections.abc import Awaitable, Callable

from tests.integration.api.service import Service
from tests.servers.hook import HookServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]


async def test_a_kill_between_the_end_and_its_delivery_loses_none(opened: Opened) -> None:
    async with HookServer("hold") as hook:
        service = await opened(webhook_url=hook.url, webhook_secret="s3cret")
        id = await service.begin(1)
        await wait_until(lambda: hook.received)
        shown = await service.show(id)
        assert shown["status"] == "completed"
        await service.restart()
        await wait_until(lambda: len(hook.received) == 2)
        first, again = hook.received
        assert (first.json["id"], again.json["id"]) == (id, id)
        assert first.headers["Webhook-Id"] == again.headers["Webhook-Id"]
        told = service.log + str((await service.ask("GET", "/info")).json)
        assert "T0KEN" not in told
        assert "s3cret" not in told

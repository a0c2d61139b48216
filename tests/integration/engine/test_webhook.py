"""A webhook hears of each end at least once, whatever the other side does, and holds nobody up."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from graph.webhook import sender
from tests.integration.engine.house import House, create, run_to_end
from tests.servers.hook import HookServer
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PAUSES_S", (0.05, 0.05, 0.05))
    monkeypatch.setattr(sender, "LOOK_EVERY_S", 0.05)


@pytest.fixture
async def hook() -> AsyncIterator[HookServer]:
    async with HookServer() as server:
        yield server


async def test_the_end_of_a_run_is_told_with_its_facts(house: House, hook: HookServer) -> None:
    given = {"webhook_url": hook.url, "webhook_secret": "s3cret", "webhook_token": "t0ken"}
    async with house.open(**given, public_url="https://duologue.example/") as runs:
        id = await create(runs, bot_id=16, max_turns=2)
        await run_to_end(runs, id)
        await wait_until(lambda: hook.received)
    (got,) = hook.received
    told = got.json
    assert told["type"] == "conversation.ended"
    assert (told["id"], told["status"], told["reason"]) == (id, "completed", "max_turns")
    assert (told["turns"], told["bot_id"], told["error"]) == (2, "16", None)
    assert 0 < told["duration_s"] < 60
    assert told["links"]["page"] == f"https://duologue.example/ui/?thread={id}"
    assert told["links"]["api"] == f"https://duologue.example/api/conversations/{id}"
    assert got.headers["Authorization"] == "Bearer t0ken"
    signed = f"{got.headers['Webhook-Id']}.{got.headers['Webhook-Timestamp']}.".encode() + got.body
    wanted = base64.b64encode(hmac.digest(b"s3cret", signed, hashlib.sha256)).decode()
    assert got.headers["Webhook-Signature"] == f"v1,{wanted}"
    assert got.headers["Webhook-Id"] == told["delivery"]


async def test_a_refusal_is_tried_again_and_a_redirect_is_not_followed(
    house: House, hook: HookServer, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [503, 307]
    async with house.open(webhook_url=hook.url) as runs:
        id = await create(runs, bot_id=16, max_turns=1)
        await run_to_end(runs, id)
        await wait_until(lambda: len(hook.received) == 3)
    assert {got.path for got in hook.received} == {"/hooks/T0KEN"}
    assert len({got.json["delivery"] for got in hook.received}) == 1
    whys = [vars(record)["why"] for record in caplog.records if record.name == "duologue.webhook"]
    assert whys == ["HTTP 503", "HTTP 307"]
    assert "T0KEN" not in str([vars(record) for record in caplog.records])


async def test_who_refuses_for_ever_is_given_up_and_named_in_the_log(
    house: House, hook: HookServer, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [500] * 99
    async with house.open(webhook_url=hook.url) as runs:
        await run_to_end(runs, await create(runs, bot_id=16, max_turns=1))
        await wait_until(lambda: "webhook given up" in caplog.text)
        assert len(hook.received) == 4
        assert not await runs.storage.database.read("SELECT * FROM deliveries")
    assert caplog.records[-1].levelno == logging.ERROR


async def test_a_receiver_that_hangs_holds_up_neither_run_nor_shutdown(
    house: House, hook: HookServer
) -> None:
    hook.answers = ["hold"]
    async with house.open(webhook_url=hook.url) as runs:
        await run_to_end(runs, await create(runs, bot_id=16, max_turns=1))
        await wait_until(lambda: hook.received)
        await run_to_end(runs, await create(runs, bot_id=16, max_turns=1))
        began = time.monotonic()
    assert time.monotonic() - began < 30
    async with house.open(webhook_url=hook.url):
        await wait_until(lambda: len({got.json["id"] for got in hook.received[1:]}) == 2)


async def test_an_end_that_nobody_could_be_told_of_is_told_by_the_next_process(
    house: House, hook: HookServer
) -> None:
    await hook.host.refuse()
    async with house.open(webhook_url=hook.url) as runs:
        id = await create(runs, bot_id=16, max_turns=1)
        await run_to_end(runs, id)
    await hook.host.listen()
    async with house.open(webhook_url=hook.url):
        await wait_until(lambda: hook.received)
    assert hook.received[0].json["id"] == id
    async with house.open(webhook_url=hook.url):
        await asyncio.sleep(0.3)
    assert len(hook.received) == 1


async def test_who_waits_or_goes_on_by_itself_is_not_told_of(
    house: House, hook: HookServer, robot: RobotServer
) -> None:
    async with house.open(webhook_url=hook.url) as runs:
        waiting = await create(runs, bot_id=16, max_turns=5)
        await runs.start(waiting, 1)
        await wait_until(lambda: runs.open_runs == 0)
        robot.set(delay=0.2)
        left = await create(runs, bot_id=16, max_turns=50)
        await runs.start(left)
        failing = await create(runs, bot_id=16, max_turns=1)
        robot.fail("status", status=401)
        await run_to_end(runs, failing)
        await wait_until(lambda: hook.received)
    robot.faults.clear()
    assert [got.json["id"] for got in hook.received if got.json["id"] != left] == [failing]
    assert hook.received[0].json["status"] == "interrupted"


async def test_without_an_address_nothing_is_marked(house: House) -> None:
    async with house.open() as runs:
        await run_to_end(runs, await create(runs, bot_id=16, max_turns=1))
        assert not await runs.storage.database.read("SELECT * FROM deliveries")


async def test_what_was_deleted_is_not_told_of(house: House, hook: HookServer) -> None:
    hook.answers = [500] * 99
    async with house.open(webhook_url=hook.url) as runs:
        id = await create(runs, bot_id=16, max_turns=1)
        await run_to_end(runs, id)
        await runs.delete(id)
        assert not await runs.storage.database.read("SELECT * FROM deliveries")


async def test_a_template_makes_a_chat_message_of_it(house: House, hook: HookServer) -> None:
    template = house.folder / "chat.json"
    template.write_text(json.dumps({"chat_id": "42", "text": "{{title}}: {{links.page}}"}))
    async with house.open(webhook_url=hook.url, webhook_template=template) as runs:
        id = await create(runs, bot_id=16, max_turns=1)
        await run_to_end(runs, id)
        await wait_until(lambda: hook.received)
    told = hook.received[0].json
    assert told["chat_id"] == "42"
    assert told["text"].startswith(f"Conversation {id[:8]} with bot 16: completed after 1 turn,")
    assert told["text"].endswith(f"/ui/?thread={id}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"webhook_url": "ftp://x"}, "begins with http"),
        ({"template": '{"text": "{{titel}}"}'}, "did you mean title?"),
        ({"template": "{"}, "is no JSON"),
    ],
)
async def test_a_mistake_stops_the_start(house: House, changes: dict[str, Any], says: str) -> None:
    path = house.folder / "t.json"
    path.write_text(changes.get("template", "{}"))
    url = changes.get("webhook_url", "http://127.0.0.1:9/")
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")):
        async with house.open(webhook_url=url, webhook_template=Path(path)):
            pass

"""The robot-lesson server does what its tests will rely on."""

import asyncio
import gzip
import json
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers.remote import robot_process
from tests.servers.robot import ROOT, RobotServer, read_journal, reply_to
from tests.servers.wait import wait_until

ID = "0b6e7a52-4a6f-4e8c-9d6e-0d2a3c9f1b11"
OPENING = {"bot_id": 16, "conversation_id": ID, "input_slots": {}}


class Caller:
    """A client that can open a conversation and speak in it."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client = client
        self.url = url

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes, str]:
        async with self.client.post(
            f"{self.url}{ROOT}/{path}", json=body, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read(), answer.headers.get("Content-Type", "")

    async def open(self, conversation: str = ID) -> Any:
        body = {**OPENING, "conversation_id": conversation}
        return json.loads((await self.post("initConversation", body))[1])

    async def raw(self, message: str = "sẵn sàng", **headers: str) -> tuple[int, bytes, str]:
        return await self.post("webhook", {"conversation_id": ID, "message": message}, **headers)

    async def say(self, message: str = "sẵn sàng", **headers: str) -> Any:
        return json.loads((await self.raw(message, **headers))[1])


@pytest.fixture
async def caller(robot: RobotServer) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        caller = Caller(client, robot.url)
        await caller.open()
        yield caller


async def test_replies_count_and_quote_the_messages(robot: RobotServer, caller: Caller) -> None:
    said = [(await caller.say(text))["data"]["message"] for text in ("một", "hai", "ba")]
    assert said == [reply_to(1, "một"), reply_to(2, "hai"), reply_to(3, "ba")]
    assert not unicodedata.is_normalized("NFC", said[2])
    assert robot.heard(ID) == ["một", "hai", "ba"]


async def test_journal_tells_headers_and_reply(robot: RobotServer, caller: Caller) -> None:
    await caller.say("chào", **{"Idempotency-Key": f"{ID}:1", "traceparent": "00-ab-cd-01"})
    call = robot.of(ID)[0]
    assert (call.key, call.traceparent, call.turn) == (f"{ID}:1", "00-ab-cd-01", 1)
    assert call.reply == reply_to(1, "chào")
    assert [c.op for c in robot.calls] == ["init", "turn"]


async def test_same_key_gets_the_same_reply_once_honoured(
    robot: RobotServer, caller: Caller
) -> None:
    robot.honour_keys = True
    answers = [await caller.say("chào", **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert robot.heard(ID) == ["chào"]
    assert [c.replayed for c in robot.of(ID)] == [False, True]
    assert (await caller.raw("khác", **{"Idempotency-Key": "k"}))[0] == 422


async def test_unopened_conversation_and_bad_bodies_are_refused(
    robot: RobotServer, caller: Caller
) -> None:
    robot.forget()
    assert (await caller.say())["status"] == 1
    assert (await caller.post("webhook", {"message": "?"}))[0] == 422
    assert (await caller.post("elsewhere", {}))[0] == 404


@pytest.mark.parametrize(
    ("kind", "options", "status", "content_type", "holds"),
    [
        ("status", {"status": 503}, 503, "text/plain", b"no: 503"),
        ("redirect", {}, 302, "", b""),
        ("slow", {"seconds": 0.01}, 200, "application/json", b'"data"'),
        ("html", {}, 200, "text/html", b"<h1>"),
        ("non_json", {}, 200, "application/json", b"not JSON"),
        ("empty_body", {}, 200, "application/json", b""),
        ("content_type", {}, 200, "text/plain", b'"data"'),
        ("bad_utf8", {}, 200, "application/json", b"\xff"),
        ("empty_object", {}, 200, "application/json", b"{}"),
        ("empty_message", {}, 200, "application/json", b'{"message": ""}'),
        ("not_ok", {}, 200, "application/json", b'{"status": 1, "msg": "Bot is busy"}'),
        ("text", {"text": "hi"}, 200, "application/json", b'"hi"'),
        ("surrogate", {}, 200, "application/json", b"\\ud800"),
        ("nul", {}, 200, "application/json", b"\\u0000"),
        ("bubbles", {"texts": ["a", "b"]}, 200, "application/json", b'"messages": ["a", "b"]'),
        ("end", {}, 200, "application/json", b'"end": true'),
    ],
)
async def test_fault_looks_as_named(
    robot: RobotServer,
    caller: Caller,
    kind: str,
    options: dict[str, Any],
    status: int,
    content_type: str,
    holds: bytes,
) -> None:
    robot.fail(kind, **options, times=1)
    got = await caller.raw()
    assert (got[0], got[2].split(";")[0]) == (status, content_type)
    assert holds in got[1]
    assert robot.calls[-1].fault == kind
    assert (await caller.say())["status"] == 0


async def test_429_says_when_to_come_back(robot: RobotServer, caller: Caller) -> None:
    robot.fail("status", status=429, retry_after=2)
    async with caller.client.post(
        f"{robot.url}{ROOT}/webhook", json={"conversation_id": ID, "message": "a"}
    ) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")


async def test_followed_redirect_shows_in_the_journal(robot: RobotServer, caller: Caller) -> None:
    robot.fail("redirect", times=1)
    body = {"conversation_id": ID, "message": "a"}
    async with caller.client.post(f"{robot.url}{ROOT}/webhook", json=body) as answer:
        assert answer.status == 404
    assert robot.calls[-1].op == "other"


@pytest.mark.parametrize("kind", ["cut", "reset"])
async def test_broken_connection(robot: RobotServer, caller: Caller, kind: str) -> None:
    robot.fail(kind)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await caller.raw()


async def test_hang_is_bounded_and_notes_who_left(robot: RobotServer, caller: Caller) -> None:
    robot.fail("hang", seconds=10_000)
    assert robot.faults[0].wait == 120
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(caller.raw())
        await wait_until(lambda: robot.of(ID))
        asking.cancel()
    await wait_until(lambda: robot.calls[-1].left_at)
    assert robot.heard(ID) == []


async def test_held_call_is_answered_on_release(robot: RobotServer, caller: Caller) -> None:
    robot.fail("hold")
    async with asyncio.TaskGroup() as group:
        said = group.create_task(caller.say("chờ"))
        await wait_until(lambda: robot.heard(ID))
        robot.release()
    assert said.result()["data"]["message"] == reply_to(1, "chờ")


async def test_huge_reply_is_whole(robot: RobotServer, caller: Caller) -> None:
    robot.fail("huge", size=600_000)
    said = (await caller.say())["data"]["message"]
    assert len(said.encode()) >= 600_000
    assert robot.calls[-1].reply == said


async def test_gzip_bomb_inflates_to_a_valid_answer(robot: RobotServer, caller: Caller) -> None:
    robot.fail("gzip_bomb", size=3_000_000)
    _, body, _ = await caller.raw()
    assert len(body) < 10_000
    assert len(json.loads(gzip.decompress(body))["data"]["message"]) == 3_000_000


async def test_fault_can_be_bound_to_turn_call_conversation_and_op(
    robot: RobotServer, caller: Caller
) -> None:
    robot.fail("status", turn=2, times=1)
    robot.fail("not_ok", call=4)
    robot.fail("html", conversation="someone else")
    robot.fail("not_ok", op="init", text="no lesson")
    statuses = [(await caller.raw())[0] for _ in range(3)]
    assert statuses == [200, 500, 200]
    assert (await caller.say())["status"] == 1
    assert await caller.open("new") == {"status": 1, "msg": "no lesson"}
    assert (await caller.say("ba"))["data"]["message"] == reply_to(3, "ba")


async def test_counted_fault_takes_the_message_as_heard(robot: RobotServer, caller: Caller) -> None:
    robot.fail("status", counted=True, times=1)
    await caller.raw("một")
    assert (await caller.say("hai"))["data"]["message"] == reply_to(2, "hai")


async def test_overlapping_requests_are_marked(robot: RobotServer, caller: Caller) -> None:
    robot.delay = 0.05
    await asyncio.gather(caller.say("a"), caller.say("b"))
    assert [c.overlapped for c in robot.of(ID)] == [False, True]


async def test_robot_refuses_and_comes_back_on_its_port(robot: RobotServer, caller: Caller) -> None:
    async with robot.down():
        with pytest.raises(aiohttp.ClientConnectionError):
            await caller.say()
    assert (await caller.say("a"))["data"]["message"] == reply_to(1, "a")


async def test_unknown_fault_is_an_error(robot: RobotServer) -> None:
    with pytest.raises(ValueError, match="no fault 'typo'"):
        robot.fail("typo")


async def test_process_is_controlled_over_http_and_keeps_a_journal(tmp_path: Path) -> None:
    journal = tmp_path / "robot.jsonl"
    async with (
        robot_process("--delay-ms", "1", journal=journal) as remote,
        aiohttp.ClientSession() as client,
    ):
        caller = Caller(client, remote.url)
        await caller.open()
        await remote.fail("status", status=500, times=1)
        assert (await caller.raw())[0] == 500
        await caller.say("chào")
        assert [c.fault for c in await remote.calls()] == [None, "status", None]
        assert read_journal(journal)[-1].reply == reply_to(1, "chào")
        with pytest.raises(AssertionError, match="no fault"):
            await remote.fail("typo")
        await remote.refuse(0.2)
        with pytest.raises(aiohttp.ClientConnectionError):
            await wait_until(lambda: failing(caller))
        await wait_until(lambda: answering(caller))


async def failing(caller: Caller) -> bool:
    await caller.raw()
    return False


async def answering(caller: Caller) -> bool:
    try:
        return (await caller.raw())[0] == 200
    except aiohttp.ClientConnectionError:
        return False

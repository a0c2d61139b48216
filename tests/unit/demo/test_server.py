import asyncio
import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from demo.lesson import answer, start
from demo.server import API, Lessons, main, serve_demo

OK = {"status": 0, "msg": "Success"}


class Caller:
    """A client of one demo bot."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self.base_url = base_url

    async def post(self, call: str, body: Any, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        url = f"{self.base_url}{API}/{call}"
        async with self._http.post(url, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def init(self, conversation_id: str, bot_id: int | str = 16, key: str = "") -> Any:
        body: dict[str, Any] = {
            "bot_id": bot_id,
            "conversation_id": conversation_id,
            "input_slots": {},
        }
        return await self.post("initConversation", body, key)

    async def say(self, conversation_id: str, message: str, key: str = "") -> str:
        body: dict[str, str] = {"conversation_id": conversation_id, "message": message}
        reply = await self.post("webhook", body, key)
        assert {name: reply[name] for name in OK} == OK
        assert reply["data"]["conversation_id"] == conversation_id
        return str(reply["data"]["message"])

    async def refused(self, call: str, data: Any, **headers: str) -> tuple[int, Any]:
        url = f"{self.base_url}{API}/{call}"
        async with self._http.post(url, data=data, headers=headers) as response:
            return response.status, await response.json()


def replies_to(*lines: str, bot_id: int = 16) -> list[str]:
    """What the lesson itself answers."""
    state, replies = start(bot_id), []
    for line in lines:
        state, reply = answer(state, line)
        replies.append(reply)
    return replies


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def bot(http: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with serve_demo(":memory:") as base_url:
        yield Caller(http, base_url)


async def test_a_lesson_over_http_is_the_lesson(bot: Caller) -> None:
    assert await bot.init("c1") == OK
    lines = ["sẵn sàng", "juice", "mik", "hả"]
    assert [await bot.say("c1", line) for line in lines] == replies_to(*lines)


async def test_bot_id_chooses_the_unit(bot: Caller) -> None:
    await bot.init("c1", bot_id=18)
    assert [await bot.say("c1", "sẵn sàng")] == replies_to("sẵn sàng", bot_id=18)


async def test_an_unknown_conversation_is_status_1(bot: Caller) -> None:
    reply = await bot.post("webhook", {"conversation_id": "nobody", "message": "hi"})
    assert reply["status"] == 1
    assert "data" not in reply


async def test_health_answers(bot: Caller, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{bot.base_url}/health") as response:
        assert (response.status, await response.json()) == (200, OK)


async def test_the_same_key_gets_the_recorded_reply(bot: Caller) -> None:
    await bot.init("c1")
    first = await bot.say("c1", "sẵn sàng", key="c1:1")
    assert await bot.say("c1", "sẵn sàng", key="c1:1") == first
    second = await bot.say("c1", "juice", key="c1:2")
    assert [first, second] == replies_to("sẵn sàng", "juice")


async def test_the_same_key_ten_times_at_once_moves_the_lesson_once(bot: Caller) -> None:
    await bot.init("c1")
    said = await asyncio.gather(*(bot.say("c1", "sẵn sàng", key="k") for _ in range(10)))
    assert set(said) == {*replies_to("sẵn sàng")}
    assert await bot.say("c1", "juice") == replies_to("sẵn sàng", "juice")[-1]


async def test_a_key_belongs_to_its_conversation(bot: Caller) -> None:
    await bot.init("a")
    await bot.init("b", bot_id=17)
    assert await bot.say("a", "sẵn sàng", key="k") != await bot.say("b", "sẵn sàng", key="k")


@pytest.mark.parametrize("key", ["init", ""])
async def test_init_again_leaves_a_running_lesson_alone(bot: Caller, key: str) -> None:
    await bot.init("c1", key="init")
    await bot.say("c1", "sẵn sàng")
    assert await bot.init("c1", key=key) == OK
    assert await bot.say("c1", "juice") == replies_to("sẵn sàng", "juice")[-1]


async def test_init_with_a_new_key_begins_anew(bot: Caller) -> None:
    await bot.init("c1", key="one")
    first = await bot.say("c1", "sẵn sàng", key="c1:1")
    await bot.say("c1", "juice", key="c1:2")
    await bot.init("c1", key="two")
    assert await bot.say("c1", "sẵn sàng", key="c1:1") == first
    # The first init, delayed on its way, must not take the new lesson away.
    await bot.init("c1", key="one")
    assert await bot.say("c1", "juice", key="c1:2") == replies_to("sẵn sàng", "juice")[-1]


async def test_init_without_turns_may_be_repeated(bot: Caller) -> None:
    await bot.init("c1", bot_id=16, key="one")
    await bot.init("c1", bot_id=17, key="two")
    assert [await bot.say("c1", "sẵn sàng")] == replies_to("sẵn sàng", bot_id=17)


LONG = "x" * 256


@pytest.mark.parametrize(
    ("call", "body", "named"),
    [
        ("webhook", "", "JSON"),
        ("webhook", "{", "JSON"),
        ("webhook", "[]", "object"),
        ("webhook", b"\xff\xfe\xfd", "JSON"),
        ("webhook", "[" * 100_000, "JSON"),
        ("webhook", '{"message": "a"}', "conversation_id"),
        ("webhook", '{"conversation_id": 5, "message": "a"}', "conversation_id"),
        ("webhook", '{"conversation_id": "", "message": "a"}', "conversation_id"),
        ("webhook", '{"conversation_id": "\\ud800", "message": "a"}', "conversation_id"),
        ("webhook", f'{{"conversation_id": "{LONG}", "message": "a"}}', "conversation_id"),
        ("webhook", '{"conversation_id": "c"}', "message"),
        ("webhook", '{"conversation_id": "c", "message": " "}', "message"),
        ("webhook", '{"conversation_id": "c", "message": ["a"]}', "message"),
        ("initConversation", '{"conversation_id": "c"}', "bot_id"),
        ("initConversation", '{"conversation_id": "c", "bot_id": true}', "bot_id"),
        ("initConversation", '{"conversation_id": "c", "bot_id": 1.5}', "bot_id"),
        ("initConversation", '{"conversation_id": "c", "bot_id": 1, "input_slots": 3}', "slots"),
    ],
)
async def test_what_does_not_fit_gets_400_and_the_field(
    bot: Caller, call: str, body: str | bytes, named: str
) -> None:
    status, reply = await bot.refused(call, body)
    assert status == 400
    assert reply["status"] == 1
    assert named in reply["msg"]


async def test_refusals_are_json(bot: Caller) -> None:
    assert (await bot.refused("nothing", b""))[0] == 404
    status, reply = await bot.refused("webhook", io.BytesIO(b" " * 2_000_000))
    assert (status, reply["status"]) == (413, 1)
    body = '{"conversation_id": "c", "message": "a"}'
    status, reply = await bot.refused("webhook", body, **{"Idempotency-Key": LONG})
    assert status == 400
    assert "Idempotency-Key" in reply["msg"]


async def test_a_lone_surrogate_in_a_message_is_answered(bot: Caller) -> None:
    await bot.init("c1")
    status, _ = await bot.refused("webhook", '{"conversation_id": "c1", "message": "\\ud800"}')
    assert status == 200


async def test_fifty_conversations_at_once_do_not_mix(bot: Caller) -> None:
    lines = ["sẵn sàng", "hả", "juice", "mother", "sunny", "apple", "book", "không biết"]

    async def lesson(number: int) -> list[str]:
        await bot.init(f"c{number}", bot_id=number)
        return [await bot.say(f"c{number}", line, key=f"{number}:{line}") for line in lines]

    said = await asyncio.gather(*(lesson(number) for number in range(50)))
    assert said == [replies_to(*lines, bot_id=number) for number in range(50)]


async def test_the_lesson_goes_on_after_a_restart(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    path = tmp_path / "lessons.sqlite"
    async with serve_demo(path) as url:
        await Caller(http, url).init("c1", key="init")
        first = await Caller(http, url).say("c1", "sẵn sàng", key="c1:1")
    async with serve_demo(path) as url:
        bot = Caller(http, url)
        await bot.init("c1", key="init")
        assert await bot.say("c1", "sẵn sàng", key="c1:1") == first
        assert await bot.say("c1", "juice", key="c1:2") == replies_to("sẵn sàng", "juice")[-1]


async def test_two_services_may_share_a_file(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    path = tmp_path / "lessons.sqlite"
    async with serve_demo(path) as one, serve_demo(path) as other:
        await Caller(http, one).init("c1")
        first = await Caller(http, other).say("c1", "sẵn sàng")
        second = await Caller(http, one).say("c1", "juice")
    assert [first, second] == replies_to("sẵn sàng", "juice")


async def test_the_robot_thinks_as_long_as_it_is_told(http: aiohttp.ClientSession) -> None:
    loop = asyncio.get_running_loop()
    async with serve_demo(":memory:", delay_s=0.2) as url:
        bot = Caller(http, url)
        await bot.init("c1")
        began = loop.time()
        await asyncio.gather(*(bot.say("c1", "sẵn sàng", key="k") for _ in range(5)))
        assert loop.time() - began >= 0.2


async def test_closing_does_not_wait_for_a_thinking_robot(http: aiohttp.ClientSession) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        async with serve_demo(":memory:", delay_s=60) as url:
            bot = Caller(http, url)
            await bot.init("c1")
            call = tasks.create_task(_fails(bot))
            await asyncio.sleep(0.1)
            began = loop.time()
        assert loop.time() - began < 30
        await call


async def _fails(bot: Caller) -> None:
    with pytest.raises(aiohttp.ClientError):
        await bot.say("c1", "sẵn sàng")


async def test_a_taken_port_is_an_os_error() -> None:
    async with serve_demo(":memory:") as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=str(port)):
            await serve_demo(":memory:", port=port).__aenter__()


def test_a_file_that_cannot_be_opened_ends_the_program_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path / "missing" / "lessons.sqlite")]) == 2
    assert "cannot start" in capsys.readouterr().err


# --- as a process of its own ----------------------------------------------------------------------


@contextmanager
def process(path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The program on a file; gives it and its base URL."""
    command = [sys.executable, "-m", "demo.server", "--data", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running, running.stdout.readline().split(": ", 1)[1].strip().removesuffix(API)
        if running.poll() is None:
            running.kill()


async def test_a_killed_process_loses_nothing_that_it_answered(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    path, lines = tmp_path / "lessons.sqlite", ["sẵn sàng", "juice", "mik", "tea"]
    said: list[str] = []
    for number, line in enumerate(lines):
        with process(path) as (running, url):
            bot = Caller(http, url)
            await bot.init("c1", key="init")
            # Each process first gets the turn that the last one answered before its death.
            again = max(number - 1, 0)
            if said:
                assert await bot.say("c1", lines[again], key=f"c1:{again}") == said[again]
            said.append(await bot.say("c1", line, key=f"c1:{number}"))
            os.kill(running.pid, signal.SIGKILL)
    assert said == replies_to(*lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_well(tmp_path: Path, number: signal.Signals) -> None:
    with process(tmp_path / "lessons.sqlite") as (running, _):
        running.send_signal(number)
        assert running.wait(5) == 0


def test_what_is_forgotten_is_in_no_unused_part_of_a_page(tmp_path: Path) -> None:
    file = tmp_path / "lessons.db"
    lessons = Lessons(file)
    lessons.open("gone", start(16), "k")
    lessons.close()
    with closing(sqlite3.connect(file)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'answered'"
        (page,) = connection.execute(sql).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as raw:  # where SQLite leaves copies of rows that it moves
        raw.seek((page - 1) * size + size // 2)
        raw.write(b"a copy of gone")
    lessons = Lessons(file)
    lessons.forget("gone")
    lessons.close()
    assert b"gone" not in file.read_bytes()

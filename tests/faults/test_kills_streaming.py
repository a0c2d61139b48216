"""kill -9 while models stream: half a line is taken back, and what is said anew is heard anew."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.api.service import Service
from tests.servers.llm import LlmServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
WORDS = "một hai ba bốn năm sáu bảy tám chín mười táo chuối cam xoài học nói đọc viết".split()


def write_lines(chance: random.Random, count: int) -> list[str]:
    """No two alike, so that a line that is said again is another one."""
    return [
        f"Lần {n}: {' '.join(chance.choice(WORDS) for _ in range(12))} e\u0302\u0301 👩‍🏫"
        for n in range(count)
    ]


async def call_begins(llm: LlmServer) -> None:
    """Waits for the model's next call, so that a kill finds a line under way on any machine."""
    before = len(llm.calls)
    await wait_until(lambda: len(llm.calls) > before, 20)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [5, 6])
async def test_followers_end_with_the_transcript_to_the_letter(
    opened: Opened, llm: LlmServer, seed: int
) -> None:
    chance = random.Random(seed)
    llm.script(write_lines(chance, 500))
    llm.set(manner={"token_delay": 0.012})
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "mock-model", "api_key": "k"}
    service = await opened(
        bots={"talker": talker}, OPENAI_BASE_URL=llm.base_url, OPENAI_API_KEY="none"
    )
    id = await service.make(8, bot_id="talker", lines=None)
    listening = [asyncio.ensure_future(service.listen(id, 150)) for _ in range(3)]
    await service.run(id)
    for kill in range(5):
        await service.turns_done(id, kill)  # one that dies again and again in a turn is left alone
        await call_begins(llm)
        await asyncio.sleep(chance.uniform(0.05, 0.2))
        await service.restart()
    history = (await service.until(id, "completed", within=90))["history"]
    assert len(history) == 16
    resets = 0
    for heard in await asyncio.gather(*listening):
        heard.must_be(history)
        resets += heard.events.count("reset")
        assert [done["status"] for done in heard.done] == ["completed"]
    assert resets > 0
    replies = {call.reply for call in llm.calls}
    assert all(line["content"] in replies for line in history if line["origin"] != "scripted")


async def test_a_stream_that_breaks_off_is_taken_back_and_said_anew(
    opened: Opened, llm: LlmServer
) -> None:
    llm.script(write_lines(random.Random(1), 50))
    for call, kind in ((2, "cut"), (5, "no_finish"), (8, "reset")):
        llm.fail(kind, call=call, after=4)
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "mock-model", "api_key": "k"}
    service = await opened(
        bots={"talker": talker}, OPENAI_BASE_URL=llm.base_url, OPENAI_API_KEY="none"
    )
    id = await service.begin(5, bot_id="talker", lines=None)
    heard = await service.listen(id)
    history = (await service.show(id))["history"]
    assert len(history) == 10
    heard.must_be(history)
    assert heard.events.count("reset") == 3
    assert heard.statuses.count("retrying") == 3
    again = await service.listen(id)
    again.must_be(history)

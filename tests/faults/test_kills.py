"""kill -9 at any instant: nothing lost, nothing doubled, at most the turn in flight sent again."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import aiohttp
import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, line_of, write_lines
from tests.servers.robot import RobotServer, reply_to

Opened = Callable[..., Awaitable[Service]]


def whole_lesson(turns: int) -> list[str]:
    return [said for n in range(1, turns + 1) for said in (line_of(n), reply_to(n, line_of(n)))]


def must_be_continuous(history: list[dict[str, object]], turns: int) -> None:
    assert [line["content"] for line in history] == whole_lesson(turns)
    assert [line["index"] for line in history] == list(range(2 * turns))
    assert [line["turn"] for line in history] == [n for n in range(1, turns + 1) for _ in "ub"]


def must_be_sent_once(robot: RobotServer, id: str, turns: int, kills: int) -> None:
    """Every turn in order, with its own key; a call more for a kill at the most."""
    calls = robot.of(id)
    assert {call.key for call in calls} == {f"{id}:{n}" for n in range(1, turns + 1)}
    assert all(call.key == f"{id}:{call.turn}" for call in calls)
    assert all(call.message == line_of(call.turn or 0) for call in calls)
    assert all(later.turn - call.turn in (0, 1) for call, later in pairwise(calls))  # type: ignore[operator]
    assert len(calls) - turns <= kills
    openings = robot.of(id, "init")
    assert {call.key for call in openings} == {f"{id}:init"}
    assert len(openings) <= 1 + kills


@pytest.mark.timeout(120)
async def test_20_kills_of_a_conversation_of_30_turns(opened: Opened, robot: RobotServer) -> None:
    chance = random.Random(2026)
    robot.set(honour_keys=True, delay=0.2)
    service = await opened()
    id = await service.begin(30, client_id="lan")
    listening = asyncio.ensure_future(service.listen(id, 100, client_id="lan"))
    acknowledged: list[str] = []
    in_mid_run = 0
    for _kill in range(20):
        await asyncio.sleep(chance.uniform(0.0, 0.25))
        await service.kill()
        await service.process.close()
        robot.set(delay=chance.choice([0.1, 0.2, 0.3]))
        await service.start()
        shown = await service.show(id, client_id="lan")
        assert shown["status"] in ("running", "interrupted", "completed")
        said = [line["content"] for line in shown["history"]]
        assert said[: len(acknowledged)] == acknowledged
        acknowledged = said
        in_mid_run += shown["status"] != "completed"
    assert in_mid_run >= 15
    robot.set(delay=0.0)
    history = (await service.until(id, "completed", client_id="lan"))["history"]
    must_be_continuous(history, 30)
    must_be_sent_once(robot, id, 30, 20)
    heard = await listening
    heard.must_be(history)
    assert [done["status"] for done in heard.done] == ["completed"]
    for frame in await service.follow(id, client_id="lan"):
        assert frame.event != "error"


@pytest.mark.timeout(240)
async def test_100_kills_lose_no_acknowledged_message(opened: Opened, robot: RobotServer) -> None:
    chance = random.Random(3)
    robot.set(honour_keys=True)
    service = await opened()
    made: dict[str, list[str]] = {}
    told: dict[str, Heard] = {}
    for _kill in range(100):
        robot.set(delay=chance.choice([0.0, 0.005, 0.02]))
        starting = asyncio.ensure_future(some_conversations(service, chance, made))
        await asyncio.sleep(chance.uniform(0.0, 0.35))  # the first request of a process takes 0.15
        await service.kill()
        await starting
        await service.process.close()
        await service.start()
        await must_know(service, made)
    for id in made:
        history = (await service.until(id, "completed"))["history"]
        must_be_continuous(history, len(history) // 2)
        must_be_sent_once(robot, id, 4, 100)
        told[id] = await service.listen(id)
        told[id].must_be(history)
    calls = Counter(call.key for call in robot.calls if call.op == "turn")
    again = sum(count - 1 for count in calls.values())
    assert len(made) >= 50
    assert again <= 100 * 3


async def some_conversations(
    service: Service, chance: random.Random, made: dict[str, list[str]]
) -> None:
    """Up to three conversations of four turns; an id is noted the moment it is answered."""
    for _one in range(3):
        asked = {"bot_id": 16, "max_turns": 4, "lines": write_lines(4)}
        try:
            answer = await service.ask("POST", "/api/conversations", asked)
            assert answer.status == 201
            id = answer.json["conversation_id"]
            made[id] = []
            await service.run(id)
        except (OSError, aiohttp.ClientError):
            return
        await asyncio.sleep(chance.uniform(0.0, 0.03))


async def must_know(service: Service, made: dict[str, list[str]]) -> None:
    """Every acknowledged id is there, with all that it showed before; what never ran is started."""
    for id, known in list(made.items()):
        if len(known) == 8:
            continue
        shown = await service.show(id)
        said = [line["content"] for line in shown["history"]]
        assert said[: len(known)] == known
        made[id] = said
        if shown["status"] == "created":
            await service.run(id)


@pytest.mark.timeout(120)
async def test_a_bot_that_ignores_keys_hears_nothing_but_the_turn_in_flight_again(
    opened: Opened, robot: RobotServer
) -> None:
    chance = random.Random(7)
    robot.set(delay=0.03)
    service = await opened()
    id = await service.begin(12)
    for _kill in range(8):
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        await service.restart()
    history = (await service.until(id, "completed"))["history"]
    assert [line["content"] for line in history[::2]] == write_lines(12)
    calls = robot.of(id)
    assert len(calls) <= 12 + 8
    assert [call.key for call in calls] == sorted(
        (call.key for call in calls), key=lambda key: int(str(key).rpartition(":")[2])
    )
    heard = [call for call in calls if call.counted]
    replies = {call.reply for call in heard}
    assert all(line["content"] in replies for line in history[1::2])

"""Everybody does everything at once: nothing breaks, nothing overlaps, nothing stays running."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.api.reading import Heard, Torn
from tests.integration.api.service import Answer, Service, events_of
from tests.servers.robot import RobotServer

Opened = Callable[..., Awaitable[Service]]
ASYNC = {"Prefer": "respond-async"}
DEEDS: list[tuple[str, str, Callable[[random.Random], dict[str, Any] | None]]] = [
    ("POST", "/runs", lambda chance: {}),
    ("POST", "/runs", lambda chance: {"turns": chance.randint(1, 3)}),
    ("POST", "/resume", lambda chance: {}),  # to accept would leave a line without its answer
    ("POST", "/stop", lambda chance: {}),
    ("POST", "/messages", lambda chance: {"content": f"người {chance.randint(1, 99)}"}),
    ("PATCH", "", lambda chance: {"seat": chance.choice(["human", "simulated"])}),
    ("PATCH", "", lambda chance: {"max_turns": chance.randint(1, 12)}),
    ("POST", "/forks", lambda chance: {"index": chance.randint(-1, 5)}),
    ("GET", "", lambda chance: None),
    ("GET", "/checkpoints", lambda chance: None),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("seed", "kills"), [(1, 0), (2, 0), (3, 5), (4, 5)])
async def test_everything_at_once(
    opened: Opened, robot: RobotServer, seed: int, kills: int
) -> None:
    service = await opened()
    chance = random.Random(seed)
    robot.set(delay=0.005)
    robot.fail("status", status=500, turn=3, times=4)
    ids = [await service.make(8, lines=None) for _ in range(6)]
    seen: Counter[str] = Counter()
    clients = (one_client(service, ids, chance, seen) for _ in range(12))
    await asyncio.gather(killing(service, kills, chance), *clients)
    assert not [name for name in seen if name.startswith("5")], seen
    for id in ids:
        await must_be_sound(service, robot, id)
    rows = (await service.get("/api/conversations", params={"limit": 200}))["conversations"]
    forks = [row["conversation_id"] for row in rows if row["parent_id"]]
    assert forks
    if not kills:  # a killed server's call may still be open when the next one repeats it
        assert not [call for call in robot.calls if call.overlapped]
    assert '"level":"error"' not in service.log, service.log[-3000:]


async def one_client(
    service: Service, ids: list[str], chance: random.Random, seen: Counter[str]
) -> None:
    for _deed in range(40):
        id = chance.choice(ids)
        if chance.random() < 0.1:
            await some_frames(service, id, chance)
            continue
        method, path, body = chance.choice(DEEDS)
        try:
            answer: Answer = await service.ask(
                method, f"/api/conversations/{id}{path}", body(chance), headers=ASYNC
            )
            seen[f"{answer.status} {method} {path}"] += 1
        except (OSError, aiohttp.ClientError):
            seen["killed"] += 1
        await asyncio.sleep(chance.uniform(0, 0.02))


async def killing(service: Service, kills: int, chance: random.Random) -> None:
    for _kill in range(kills):
        await asyncio.sleep(chance.uniform(0.1, 0.4))
        await service.restart()


async def some_frames(service: Service, id: str, chance: random.Random) -> None:
    count = chance.randint(1, 10)
    try:
        async with asyncio.timeout(0.5), service.stream(events_of(id)) as stream:
            async for _frame in stream:
                count -= 1
                if not count:
                    return
    except (TimeoutError, OSError, aiohttp.ClientError, Torn):
        return


async def must_be_sound(service: Service, robot: RobotServer, id: str) -> None:
    """The run under way ends by itself, and transcript, stream and state tell the same."""
    path = f"/api/conversations/{id}"
    await service.until(id, "created", "waiting", "completed", "stopped", "interrupted", within=30)
    await service.ask("POST", f"{path}/stop", {})
    shown = await service.show(id)
    assert shown["status"] in ("completed", "stopped")
    history = shown["history"]
    assert [line["index"] for line in history] == list(range(len(history)))
    roles = [line["role"] for line in history]
    assert not [at for at in range(1, len(roles)) if roles[at - 1 : at + 1] == ["user"] * 2], roles
    turns = [line["turn"] for line in history]
    assert turns == sorted(turns)
    heard = Heard.of(await service.follow(id))
    heard.must_be(history)
    assert heard.done[-1]["status"] == shown["status"]
    await service.restart()
    after = await service.show(id)
    assert (after["history"], after["status"]) == (history, shown["status"])
    asked = {(call.key, call.message) for call in robot.of(id)}
    assert len({key for key, _ in asked}) == len(asked), "one key for two messages"

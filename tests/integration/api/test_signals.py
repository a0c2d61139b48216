"""SIGTERM and SIGINT: every stream ends whole, the exit code is 0, and all goes on afterwards."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, events_of
from tests.integration.api.whole import read_whole
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

STOPPED = "server_stopped"
Opened = Callable[..., Awaitable[Service]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_streams_whole_and_conversations_go_on(
    opened: Opened, robot: RobotServer, number: signal.Signals
) -> None:
    service = await opened(grace_s="1")
    held = robot.fail("hold", turn=2, times=2)
    running = [await service.begin(3) for _ in range(2)]
    idle = await service.make(1)
    chat = (await service.post("/session", {}))["session_id"]
    await service.frames("/chat/stream", {"session_id": chat, "message": "một"})
    await wait_until(lambda: held.fired == 2)
    paths = [events_of(id) for id in (*running, idle, chat)]
    streams = [asyncio.ensure_future(read_whole(service.port, path)) for path in paths]
    await asyncio.sleep(0.3)
    began = monotonic()
    service.process.signal(number)
    assert await service.process.wait(12) == 0
    assert monotonic() - began < 10
    told = [Heard.of(frames) for frames in await asyncio.gather(*streams)]
    for heard in told[:2]:
        assert "stopping" in heard.statuses
        assert heard.done[-1].items() >= {"status": "interrupted", "end_reason": STOPPED}.items()
    assert "Traceback" not in service.log
    robot.release()
    await service.process.close()
    await service.start()
    for id, heard in zip(running, told, strict=False):
        done = await service.until(id, "completed")
        for frame in await service.follow(id, heard.last):
            heard.take(frame)
        heard.must_be(done["history"])
        assert [call.key for call in robot.of(id)][-1] == f"{id}:3"
        assert len(robot.of(id)) <= 4
    assert (await service.show(chat))["status"] == "waiting"
    assert (await service.show(idle))["status"] == "created"


async def test_a_bot_that_answers_within_the_grace_time_is_heard(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=1, times=1)
    id = await service.begin(2)
    await wait_until(lambda: held.fired)
    service.process.terminate()
    await asyncio.sleep(0.2)
    robot.release()
    assert await service.process.wait(10) == 0
    await service.process.close()
    await service.start()
    await service.until(id, "completed")
    assert [call.key for call in robot.of(id)] == [f"{id}:1", f"{id}:2"]


async def test_two_signals_at_once_end_it_too(service: Service, robot: RobotServer) -> None:
    held = robot.fail("hang", turn=1)
    id = await service.begin(2)
    await wait_until(lambda: held.fired)
    service.process.interrupt()
    await asyncio.sleep(0.1)
    service.process.interrupt()
    assert await service.process.wait(10) in (0, 130)
    robot.faults.clear()
    await service.process.close()
    await service.start()
    await service.until(id, "completed")


async def test_while_it_stops_nothing_new_begins(service: Service, robot: RobotServer) -> None:
    held = robot.fail("hold", turn=1, times=1)
    running = await service.begin(2)
    await wait_until(lambda: held.fired)
    async with service.stream(events_of(running)) as stream:
        service.process.terminate()
        await stream.until("status", status="stopping")
        try:
            refused = await service.ask("POST", "/simulate", {"bot_id": 16})
            assert refused.status == 503
            assert refused.json["type"] == "urn:duologue:stopped"
        except OSError:
            pass  # nobody listens any more
        robot.release()
        await stream.until("done")
    assert await service.process.wait(10) == 0

"""A stream can be taken up behind any frame, on any connection, also after a restart."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.integration.api.reading import Frames, Heard
from tests.integration.api.service import Service, events_of
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]


@pytest.fixture
async def streaming(opened: Opened, llm: LlmServer) -> Service:
    """Bot and user are models whose lines come in pieces that tear characters apart."""
    llm.set(manner={"split": "points", "token_delay": 0.001})
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "mock-model", "api_key": "k"}
    return await opened(
        bots={"talker": talker}, OPENAI_BASE_URL=llm.base_url, OPENAI_API_KEY="none"
    )


async def test_replay_behind_every_frame_of_a_finished_conversation(service: Service) -> None:
    id = await service.begin(4)
    await service.until(id, "completed")
    frames = await service.follow(id)
    Heard.of(frames).must_be((await service.show(id))["history"])
    assert len({frame.id for frame in frames}) == len(frames)
    for k, frame in enumerate(frames[:-1]):
        assert await service.follow(id, frame.id) == frames[k + 1 :], k
        assert await service.frames(events_of(id), params={"after": frame.id}) == frames[k + 1 :]
    nothing = await service.ask("GET", events_of(id), headers={"Last-Event-ID": frames[-1].id})
    assert (nothing.status, nothing.body) == (204, b"")


async def test_an_empty_id_is_none(service: Service) -> None:
    id = await service.begin(1)
    await service.until(id, "completed")
    frames = await service.follow(id)
    assert await service.frames(events_of(id), headers={"Last-Event-ID": ""}) == frames
    assert await service.frames(events_of(id), params={"after": ""}) == frames


async def test_ids_keep_their_meaning_over_a_restart(service: Service) -> None:
    id = await service.begin(3)
    await service.until(id, "completed")
    before = await service.follow(id)
    history = (await service.show(id))["history"]
    await service.restart()
    for k, frame in enumerate(before[:-1]):
        heard = Heard.of(before[: k + 1])
        for later in await service.follow(id, frame.id):
            heard.take(later)
        heard.must_be(history)
        assert len(heard.done) == 1, k
    nothing = await service.ask("GET", events_of(id), headers={"Last-Event-ID": before[-1].id})
    assert nothing.status == 204
    Heard.of(await service.follow(id)).must_be(history)


async def test_followers_that_drop_once_behind_every_kth_frame(streaming: Service) -> None:
    id = await streaming.make(3, bot_id="talker", lines=None)
    followers = [asyncio.ensure_future(drops_once(streaming, id, k)) for k in range(1, 60)]
    whole = asyncio.ensure_future(streaming.listen(id))
    await streaming.run(id)
    history = (await streaming.until(id, "completed"))["history"]
    assert len(history) == 6
    expected = of_run(await whole)
    whole.result().must_be(history)
    for k, heard in enumerate(await asyncio.gather(*followers), 1):
        heard.must_be(history)
        assert of_run(heard) == expected, k


def of_run(heard: Heard) -> list[Any]:
    """What was reported but the text; who came after the start was not told "created"."""
    return [report for report in heard.reports if report[1].get("status") != "created"]


async def drops_once(service: Service, id: str, k: int) -> Heard:
    heard = Heard()
    async with service.stream(events_of(id)) as stream:
        async for frame in stream:
            heard.take(frame)
            if len(heard.ids) == k:
                break
    if not heard.done:  # behind the last frame there is nothing to follow
        for frame in await service.follow(id, heard.last):
            heard.take(frame)
    return heard


async def test_a_follower_that_drops_behind_each_frame(streaming: Service) -> None:
    id = await streaming.make(2, bot_id="talker", lines=None)
    whole = asyncio.ensure_future(streaming.listen(id))
    heard = Heard()
    await streaming.run(id)
    while not heard.done:
        headers = {"Last-Event-ID": heard.last} if heard.last else {}
        async with streaming.stream(events_of(id), headers=headers) as stream:
            heard.take(await anext(stream))
    heard.must_be((await streaming.show(id))["history"])
    assert of_run(heard) == of_run(await whole)


async def test_pieces_never_split_a_combining_sequence(streaming: Service) -> None:
    id = await streaming.make(2, bot_id="talker", lines=None)
    await streaming.run(id)
    pieces = [
        frame.data["content"] for frame in await streaming.follow(id) if frame.event == "token"
    ]
    history = (await streaming.until(id, "completed"))["history"]
    assert "".join(pieces) == "".join(line["content"] for line in history)
    for piece in pieces:
        assert not "\u0300" <= piece[0] <= "\u036f"
        assert piece[0] not in "\u200d\ufe0f"
        assert piece[-1] != "\u200d"


async def test_only_tokens_have_content(streaming: Service) -> None:
    id = await streaming.make(2, bot_id="talker", lines=None)
    await streaming.run(id)
    for frame in await streaming.follow(id):
        assert ("content" in frame.data) == (frame.event == "token"), frame


async def test_an_event_source_ends_by_itself_and_reconnects_over_kill9(
    service: Service, robot: RobotServer
) -> None:
    robot.set(honour_keys=True)
    held = [robot.fail("hold", turn=turn, times=1) for turn in (3, 5)]
    id = await service.begin(6)
    listening = asyncio.ensure_future(service.listen(id))
    for fault in held:
        await wait_until(lambda fault=fault: fault.fired)
        await asyncio.sleep(0.1)
        await service.restart()
    heard = await listening
    history = (await service.show(id))["history"]
    assert len(history) == 12
    heard.must_be(history)
    assert heard.breaks >= 2
    assert len(heard.done) == 1


async def test_a_follower_waits_over_an_interruption_for_the_resume(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("status", status=500, turn=2, times=3)
    id = await service.begin(3)
    listening = asyncio.ensure_future(service.listen(id))
    await service.until(id, "interrupted")
    await service.ask("POST", f"/api/conversations/{id}/resume", {})
    heard = await listening
    heard.must_be((await service.show(id))["history"])
    assert [done["status"] for done in heard.done] == ["interrupted", "completed"]
    assert [error["code"] for error in heard.errors] == ["bot_http_error"]


async def test_an_empty_id_before_one_that_counts_is_none(service: Service) -> None:
    id = await service.begin(2)
    await service.until(id, "completed")
    frames = await service.follow(id)
    headers = [("Last-Event-ID", ""), ("Last-Event-ID", frames[-2].id or "")]
    async with service.http.get(f"{service.url}{events_of(id)}", headers=headers) as answer:
        rest = [frame async for frame in Frames(answer)]
    assert rest == frames[-1:]


async def test_an_id_that_never_was_is_refused_or_told_from_where_it_points(
    service: Service,
) -> None:
    id = await service.begin(2)
    await service.until(id, "completed")
    for last in ("0", "x", "1.2.3", "-1.0.0.0.0", "1.0.0.1.0\x00", "1.0.0.1.0" * 20, "١.0.0.1.0"):
        answer = await service.ask("GET", events_of(id), params={"after": last})
        assert answer.status == 422, last
        assert answer.json["field"] in ("after", "Last-Event-ID")
    for last in ("9.9.9.9.9", "1.5.0.1.0", "0.0.0.99.99d", "3.999999999.0.1.2"):
        answer = await service.ask("GET", events_of(id), params={"after": last})
        assert answer.status in (200, 204), last


async def test_the_graphs_own_events_can_be_watched_live(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2, times=1)
    id = await service.begin(4)
    await wait_until(lambda: held.fired)
    async with watch_graph(service, id) as watching:
        robot.release()
        told = await watching.text()
    assert "event: on_chain_start" in told
    assert "event: on_chain_stream" in told
    done = await service.until(id, "completed")
    assert len(done["history"]) == 8
    assert len(robot.of(id)) == 4
    idle = await service.ask("GET", events_of(id), params={"view": "graph"})
    assert (idle.status, idle.text) == (200, "")


@asynccontextmanager
async def watch_graph(service: Service, id: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """Entered, the server has begun to tell."""
    async with service.http.get(f"{service.url}{events_of(id)}?view=graph") as watching:
        yield watching


async def read_events(watching: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    text = await watching.text()
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def roots_left_open(events: list[dict[str, Any]]) -> set[str]:
    roots = [event for event in events if event.get("parent_ids") == []]
    begun = {event["run_id"] for event in roots if event["event"] == "on_chain_start"}
    return begun - {event["run_id"] for event in roots if event["event"] == "on_chain_end"}


async def test_a_second_who_watches_the_graph_changes_nothing_for_the_first(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2, times=1)
    again = robot.fail("hold", turn=3, times=1)
    id = await service.begin(5)
    await wait_until(lambda: held.fired)
    async with watch_graph(service, id) as first:
        robot.release()
        await wait_until(lambda: again.fired)
        async with watch_graph(service, id) as second:
            robot.release()
            whole, part = await asyncio.gather(read_events(first), read_events(second))
    roots = [e for e in whole if e.get("parent_ids") == [] and e["event"] == "on_chain_start"]
    assert len(roots) == 1
    assert roots_left_open(whole) == set()
    assert part
    assert part == whole[-len(part) :]
    assert whole[-1] == {
        "event": "done",
        "status": "completed",
        "end_reason": "max_turns",
        "turns": 5,
        "conversation_id": id,
    }


async def test_who_watches_the_graph_is_told_of_an_error_and_leaves_no_root_open(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=1, times=1)
    id = await service.begin(3)
    await wait_until(lambda: held.fired)
    async with watch_graph(service, id) as watching:
        robot.fail("status", status=400, turn=2)
        robot.release()
        events = await read_events(watching)
    assert [event["event"] for event in events[-2:]] == ["error", "done"]
    assert events[-2]["where"] == "bot"
    assert events[-1]["status"] == "interrupted"
    assert roots_left_open(events) == set()


async def test_an_id_to_go_on_from_is_refused_where_the_graph_is_watched(service: Service) -> None:
    id = await service.begin(1)
    await service.until(id, "completed")
    last = (await service.follow(id))[-1].id
    for how in (
        {"params": {"view": "graph"}, "headers": {"Last-Event-ID": last}},
        {"params": {"view": "graph", "after": last}},
    ):
        refused = await service.ask("GET", events_of(id), **how)
        assert refused.status == 409
        assert "live only" in refused.json["detail"]


async def test_headers_and_heartbeats_on_the_wire(opened: Opened, robot: RobotServer) -> None:
    service = await opened(heartbeat_s="0.1")
    robot.fail("hold", turn=1, seconds=1.0)
    id = await service.begin(1)
    async with service.stream(events_of(id)) as stream:
        headers: Any = stream.response.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert "utf-8" in headers["Content-Type"].lower()
        await stream.until("done")
        assert stream.pings >= 3

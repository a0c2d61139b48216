"""The one call, in all its forms, tells one and the same conversation."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.integration.api.reading import Heard, said_of
from tests.integration.api.service import Service, line_of, write_lines
from tests.servers.database import databases
from tests.servers.robot import RobotServer, reply_to
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
AGAIN = {"Idempotency-Key": "again"}


async def test_text_events_json_and_transcript_agree(service: Service) -> None:
    body = {"bot_id": 16, "max_turns": 4, "lines": write_lines(4)}
    text = await service.ask("POST", "/simulate", body)
    frames = await service.frames("/simulate", body)
    whole = await service.ask("POST", "/api/simulate", body)
    expected = [said for n in range(1, 5) for said in (line_of(n), reply_to(n, line_of(n)))]
    assert [line["content"] for line in whole.json["history"]] == expected
    assert text.text == said_of(whole.json["history"])
    heard = Heard.of(frames)
    heard.must_be(whole.json["history"])
    assert heard.done == [
        {
            "status": "completed",
            "end_reason": "max_turns",
            "turns": 4,
            "conversation_id": heard.done[0]["conversation_id"],
        }
    ]
    assert heard.events[-1] == "done"


async def test_fixed_and_simulated_lines_are_taken_by_both_ways_to_begin(service: Service) -> None:
    body = {"bot_id": 16, "max_turns": 9, "user": "scripted"}
    body["lines"] = [{"say": "một"}, {"simulate": 1}, {"say": "hai"}]
    whole = (await service.ask("POST", "/api/simulate", body)).json
    assert (whole["end_reason"], whole["turn"]) == ("lines_done", 3)
    users = [line["content"] for line in whole["history"] if line["role"] == "user"]
    assert (users[0], users[2]) == ("một", "hai")
    made = await service.ask("POST", "/api/conversations", body)
    assert made.status == 201
    body["lines"] = [{"shout": "một"}]
    assert (await service.ask("POST", "/simulate", body)).status == 422


async def test_the_old_curl_still_works(service: Service, robot: RobotServer) -> None:
    history = json.dumps([{"role": "user", "content": "sẵn sàng"}])
    body = {"bot_id": 16, "user_prompt": "sẵn sàng", "max_turns": 1, "history": history}
    answer = await service.ask("POST", "/simulate", body)
    assert answer.text == f"User: sẵn sàng\nBot: {reply_to(1, 'sẵn sàng')}\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    id = answer.headers["Location"].removeprefix("/api/conversations/")
    monitor, page = answer.headers["Link"].split(", ")
    assert monitor == f'</api/conversations/{id}/events>; rel="monitor"'
    assert page == f'</ui/?thread={id}>; rel="alternate"; type="text/html"'
    assert [call.key for call in robot.of(id)] == [f"{id}:1"]


async def test_where_to_find_it_is_answered_at_once(service: Service, robot: RobotServer) -> None:
    held = robot.fail("hold", turn=1)
    for path in ("/simulate", "/api/simulate"):
        answer = await service.ask(
            "POST", path, {"bot_id": 16, "max_turns": 1}, headers={"Prefer": "respond-async"}
        )
        assert answer.status == 202
        assert answer.headers["Preference-Applied"] == "respond-async"
        id = answer.json["conversation_id"]
        assert answer.headers["Location"] == f"/api/conversations/{id}"
        assert answer.json["events"] == f"/api/conversations/{id}/events"
    await wait_until(lambda: held.fired == 2)
    robot.release()
    await service.until(id, "completed")


async def test_the_form_is_the_one_that_is_asked_for(service: Service) -> None:
    body = {"bot_id": 16, "max_turns": 1}
    for path, usual in (("/simulate", "text/plain"), ("/api/simulate", "application/json")):
        for accept, form in (
            ("*/*", usual),
            ("application/json", "application/json"),
            ("text/plain", "text/plain"),
            ("text/event-stream", "text/event-stream"),
            ("text/event-stream, application/json;q=0.5", "text/event-stream"),
            ("image/png", usual),
        ):
            answer = await service.ask("POST", path, body, headers={"Accept": accept})
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith(form), (path, accept)


async def test_the_bot_may_speak_first_and_a_history_says_who_is_next(
    service: Service, robot: RobotServer
) -> None:
    first = await service.post(
        "/api/simulate", {"bot_id": 16, "max_turns": 2, "first_speaker": "bot"}
    )
    assert [line["role"] for line in first["history"]] == ["assistant", *["user", "assistant"] * 2]
    assert (first["history"][0]["turn"], first["turn"]) == (0, 2)
    given = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    route_after_bot = await service.post(
        "/api/simulate", {"bot_id": 16, "max_turns": 1, "history": given, "lines": ["c"]}
    )
    said = [(line["origin"], line["content"]) for line in route_after_bot["history"]]
    assert said == [("given", "a"), ("given", "b"), ("scripted", "c"), ("bot", reply_to(1, "c"))]
    route_after_user = await service.post(
        "/api/simulate", {"bot_id": 16, "max_turns": 1, "history": given[:1]}
    )
    assert [line["content"] for line in route_after_user["history"]] == ["a", reply_to(1, "a")]
    assert robot.calls


async def test_lines_come_one_by_one_while_the_bot_takes_its_time(
    service: Service, robot: RobotServer
) -> None:
    robot.set(delay=0.2)
    body = {"bot_id": 16, "max_turns": 3, "lines": write_lines(3)}
    async with service.http.post(f"{service.url}/simulate", json=body) as response:
        assert response.headers["Location"].startswith("/api/conversations/")
        seen = [len(robot.calls) async for _line in response.content]
    # Line k was there before the bot was asked for the turn after it.
    assert len(seen) == 6
    assert seen[0] <= 2
    assert seen[2] <= 3
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream", "application/json"])
async def test_the_same_key_at_a_second_process_tells_the_run_of_the_first(
    opened: Opened, robot: RobotServer, accept: str
) -> None:
    first = await opened()
    second = await opened(database_url=databases.url(first.database))
    held = robot.fail("hold", turn=1)
    body: dict[str, Any] = {"bot_id": 16, "max_turns": 2, "lines": write_lines(2)}
    headers = {"Accept": accept, **AGAIN}
    asked = first.ask("POST", "/simulate", body, headers=headers)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        here = tasks.create_task(asked)
        await wait_until(lambda: held.fired)
        there = tasks.create_task(second.ask("POST", "/simulate", body, headers=headers))
        await asyncio.sleep(0.2)
        robot.release()
    one, other = here.result(), there.result()
    assert (one.status, other.status) == (200, 200)
    assert one.headers["Location"] == other.headers["Location"]
    id = one.headers["Location"].rpartition("/")[2]
    assert [call.key for call in robot.of(id)] == [f"{id}:1", f"{id}:2"]
    if accept == "text/event-stream":
        assert other.text.count("event: done") == 1
        assert other.text.count("event: message") == 4
    elif accept == "text/plain":
        assert other.text == one.text
    else:
        assert other.json["history"] == one.json["history"]


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream", "application/json"])
async def test_the_same_key_on_what_waits_for_a_person_is_answered_after_a_restart(
    service: Service, accept: str
) -> None:
    body = {"bot_id": 16, "max_turns": 2, "user": "human"}
    headers = {"Accept": accept, **AGAIN}
    await service.ask("POST", "/simulate", body, headers=headers)
    await service.restart()
    async with asyncio.timeout(5):
        again = await service.ask("POST", "/simulate", body, headers=headers)
    if accept == "text/event-stream":
        assert '"status":"waiting"' in again.text.rpartition("event: done")[2]
    elif accept == "application/json":
        assert again.json["status"] == "waiting"


async def test_spaces_keep_the_json_form_open_while_the_bot_is_silent(
    opened: Opened, robot: RobotServer
) -> None:
    service = await opened(heartbeat_s="0.05")
    held = robot.fail("hold", turn=1)
    body = {"bot_id": 16, "max_turns": 1}
    async with service.http.post(f"{service.url}/api/simulate", json=body) as response:
        await wait_until(lambda: held.fired)
        async with asyncio.timeout(5):
            assert await response.content.readexactly(20) == b" " * 20
        robot.release()
        whole = json.loads(await response.read())
    assert whole["status"] == "completed"


async def test_no_bot_writes_another_speakers_line_or_moves_the_terminal(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("text", text="hi\nUser: forged\r\n\x1b]52;c;aGk=\x07\u202eend", turn=1)
    body = {"bot_id": 16, "max_turns": 1, "lines": ["one\nBot: forged"]}
    text = (await service.ask("POST", "/simulate", body)).text
    assert text.splitlines() == [
        "User: one",
        "  Bot: forged",
        "Bot: hi",
        "  User: forged",
        "  ␛]52;c;aGk=␇⟨U+202E⟩end",
    ]


async def test_a_refused_call_leaves_no_conversation(opened: Opened, robot: RobotServer) -> None:
    service = await opened(max_open_runs="1")
    robot.fail("hold", turn=1, times=1)
    first = await service.begin(2)
    for key in ({}, {"Idempotency-Key": "the-same"}):
        refused = await service.ask("POST", "/simulate", {"bot_id": 16}, headers=key)
        assert refused.status == 503
    listed = (await service.get("/api/conversations"))["conversations"]
    assert [row["conversation_id"] for row in listed] == [first]
    robot.release()
    await service.until(first, "completed")
    again = {"Idempotency-Key": "the-same"}
    body = {"bot_id": 16, "max_turns": 1}
    assert (await service.ask("POST", "/simulate", body, headers=again)).status == 200

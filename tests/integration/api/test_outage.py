"""A bot or a model that fails: bounded tries, seen; one error; and a resume that finishes."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, line_of, write_lines
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer, reply_to

Opened = Callable[..., Awaitable[Service]]

# The fault, its fields, the code it must end in, and how often the bot is asked.
FAULTS = [
    ("status", {"status": 500}, "bot_http_error", 3),
    ("status", {"status": 503}, "bot_http_error", 3),
    ("status", {"status": 429}, "bot_http_error", 3),
    ("status", {"status": 404}, "bot_http_error", 1),
    ("redirect", {}, "bot_http_error", 1),
    ("hang", {}, "bot_timeout", 3),
    ("reset", {}, "bot_unreachable", 3),
    ("cut", {}, "bot_unreachable", 3),
    ("html", {}, "bot_bad_content_type", 1),
    ("content_type", {}, "bot_bad_content_type", 1),
    ("non_json", {}, "bot_bad_json", 1),
    ("empty_body", {}, "bot_bad_json", 1),
    ("empty_object", {}, "bot_bad_reply", 1),
    ("empty_message", {}, "bot_empty", 1),
    ("not_ok", {}, "bot_status", 1),
    ("bad_utf8", {}, "bot_encoding", 1),
    ("gzip_bomb", {"size": 50_000_000}, "bot_too_large", 1),
    ("huge", {"size": 50_000_000}, "bot_too_large", 1),
]


@pytest.mark.timeout(90)
async def test_every_outage_ends_in_one_error_and_a_resume_finishes(
    opened: Opened, robot: RobotServer
) -> None:
    hasty = {"kind": "webhook", "preset": "robot-lesson", "base_url": robot.url}
    service = await opened(bots={"hasty": {**hasty, "turn_timeout_s": 1.5, "name": "bot 16"}})
    robot.set(honour_keys=True)
    before = service.process.rss()
    cases = []
    for kind, where, code, tries in FAULTS:
        id = await service.make(3, bot_id="hasty" if kind == "hang" else 16)
        cases.append((id, kind, where, code, tries))
    for id, kind, where, _code, _tries in cases:
        robot.fail(kind, conversation=id, turn=2, counted=False, **where)
    await asyncio.gather(
        *(must_break(service, robot, id, code, tries) for id, _, _, code, tries in cases)
    )
    robot.faults.clear()
    await asyncio.gather(*(must_finish(service, robot, case[0]) for case in cases))
    assert service.process.rss() - before < 200_000_000


async def must_break(service: Service, robot: RobotServer, id: str, code: str, tries: int) -> None:
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/runs", {}))
    assert len(heard.errors) == 1, code
    error = heard.errors[0]
    assert error["code"] == code
    assert error["where"] == "bot"
    assert isinstance(error["retryable"], bool)
    assert "16" in error["error"], error
    assert "http://127.0.0.1" in error["error"], error
    assert heard.statuses.count("retrying") == tries - 1, code
    assert heard.events[-2:] == ["error", "done"]
    assert heard.done[0]["status"] == "interrupted"
    assert len([call for call in robot.of(id) if call.key == f"{id}:2"]) == tries, code
    shown = await service.show(id)
    assert (shown["status"], shown["end_reason"]) == ("interrupted", "bot_error")
    assert shown["error"] == error
    said = [line_of(1), reply_to(1, line_of(1)), line_of(2)]
    assert [line["content"] for line in shown["history"]] == said


async def must_finish(service: Service, robot: RobotServer, id: str) -> None:
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/resume", {}))
    assert heard.done[0]["status"] == "completed"
    shown = await service.show(id)
    whole = [said for n in (1, 2, 3) for said in (line_of(n), reply_to(n, line_of(n)))]
    assert [line["content"] for line in shown["history"]] == whole
    assert shown["error"] is None
    Heard.of(await service.follow(id)).must_be(shown["history"])
    assert len(robot.of(id, "init")) == 1


async def test_a_bot_that_is_down_names_itself_its_url_and_the_cause(
    service: Service, robot: RobotServer
) -> None:
    async with robot.down():
        answer = await service.ask("POST", "/simulate", {"bot_id": 16, "max_turns": 2})
        assert answer.status == 200
        assert "Error: " in answer.text
        assert robot.url in answer.text
        assert "bot_unreachable" in answer.text
        id = answer.headers["Location"].rpartition("/")[2]
        assert (await service.show(id))["status"] == "interrupted"
    await service.frames(f"/api/conversations/{id}/resume", {})
    assert (await service.show(id))["status"] == "completed"


@pytest.mark.parametrize("kind", ["not_ok", "status", "empty_object", "hang"])
async def test_a_failing_init_is_bot_init_or_names_its_kind(
    opened: Opened, robot: RobotServer, kind: str
) -> None:
    service = await opened(init_timeout_s="0.3", attempts="2")
    robot.fail(kind, op="init")
    heard = Heard.of(await service.frames("/simulate", {"bot_id": 16, "max_turns": 1}))
    codes = {"status": "bot_http_error", "hang": "bot_timeout"}
    assert [error["code"] for error in heard.errors] == [codes.get(kind, "bot_init")]
    assert not heard.texts
    robot.faults.clear()
    id = heard.done[0]["conversation_id"]
    await service.frames(f"/api/conversations/{id}/resume", {})
    assert (await service.show(id))["status"] == "completed"


async def test_a_short_outage_costs_nothing_but_time(service: Service, robot: RobotServer) -> None:
    robot.fail("status", status=500, turn=2, times=2)
    heard = Heard.of(
        await service.frames("/simulate", {"bot_id": 16, "max_turns": 3, "lines": write_lines(3)})
    )
    assert heard.statuses.count("retrying") == 2
    assert not heard.errors
    heard.must_be((await service.show(heard.done[0]["conversation_id"]))["history"])


async def test_retry_after_is_kept(service: Service, robot: RobotServer) -> None:
    robot.fail("status", status=429, retry_after=2, turn=1, times=1)
    robot.fail("status", status=429, retry_after=3600, turn=2)
    began = monotonic()
    heard = Heard.of(
        await service.frames("/simulate", {"bot_id": 16, "max_turns": 3, "lines": write_lines(3)})
    )
    turns = [call for call in robot.calls if call.op == "turn"]
    assert turns[1].at - turns[0].at >= 2.0
    # An hour is more than a call may take in all: no further try, and no wait for one.
    assert [call.turn for call in turns] == [1, 1, 2]
    assert heard.errors[0]["code"] == "bot_http_error"
    assert monotonic() - began < 120


async def test_all_tries_together_are_bounded_in_time(opened: Opened, robot: RobotServer) -> None:
    service = await opened(attempts_total_s="1", turn_timeout_s="30")
    robot.fail("hang", turn=1)
    began = monotonic()
    heard = Heard.of(await service.frames("/simulate", {"bot_id": 16, "max_turns": 1}))
    assert [error["code"] for error in heard.errors] == ["bot_timeout"]
    assert monotonic() - began < 25


async def test_waits_are_told_with_their_length(service: Service, robot: RobotServer) -> None:
    robot.fail("status", status=500, turn=1, times=1)
    frames = await service.frames("/simulate", {"bot_id": 16, "max_turns": 1})
    told: list[dict[str, Any]] = [f.data for f in frames if f.data.get("status") == "retrying"]
    assert len(told) == 1
    assert told[0]["wait_s"] > 0
    assert (told[0]["attempt"], told[0]["attempts"]) == (2, 3)


async def test_a_reply_of_600_kb_is_taken_whole(service: Service, robot: RobotServer) -> None:
    robot.fail("huge", size=600_000, turn=1)
    id = await service.begin(1)
    history = (await service.until(id, "completed"))["history"]
    assert len(history[1]["content"].encode()) > 590_000
    heard = Heard.of(await service.follow(id))
    heard.must_be(history)
    assert heard.texts[1] == robot.of(id)[0].reply


async def test_a_redirect_to_another_host_is_not_followed(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("redirect", turn=1)
    await service.frames("/simulate", {"bot_id": 16, "max_turns": 1})
    assert [call.op for call in robot.calls] == ["init", "turn"]


MODEL_FAULTS = [
    ("status", {"status": 500}, "user_http_error"),
    ("status", {"status": 401}, "user_http_error"),
    ("no_finish", {}, "user_bad_reply"),
    ("cut", {}, "user_unreachable"),
    ("html", {}, "user_bad_content_type"),
    ("empty", {}, "user_empty"),
    ("refusal", {}, "user_refused"),
    ("finish", {"reason": "length", "after": 2}, "user_truncated"),
]


async def test_a_failing_model_is_a_simulator_error_and_never_a_line(
    opened: Opened, robot: RobotServer, llm: LlmServer
) -> None:
    service = await opened(OPENAI_BASE_URL=llm.base_url, OPENAI_API_KEY="none", attempts="2")
    for kind, where, code in MODEL_FAULTS:
        llm.faults.clear()
        llm.fail(kind, **where)
        body = {"bot_id": 16, "max_turns": 2, "initial_message": "sẵn sàng"}
        heard = Heard.of(await service.frames("/simulate", body))
        assert [error["code"] for error in heard.errors] == [code], kind
        assert heard.errors[0]["where"] == "user"
        assert heard.done[0]["end_reason"] == "simulator_error"
        id = heard.done[0]["conversation_id"]
        assert len((await service.show(id))["history"]) == 2
        llm.faults.clear()
        await service.frames(f"/api/conversations/{id}/resume", {})
        done = await service.show(id)
        assert (done["status"], len(done["history"])) == ("completed", 4)
    assert robot.calls

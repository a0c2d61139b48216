"""What the service tells of itself, and what it never tells."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from tests.integration.api.service import Service
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

Opened = Callable[..., Awaitable[Service]]


async def test_health_and_info_touch_neither_bot_nor_model(
    opened: Opened, robot: RobotServer, llm: LlmServer
) -> None:
    service = await opened(OPENAI_BASE_URL=llm.base_url)
    async with robot.down():
        for path in ("/health", "/info", "/", "/metrics", "/api/bots", "/api/personas"):
            assert await quickest(service, path) < 0.1, path
    health = await service.get("/health")
    assert (health["status"], health["database"]) == ("ok", "ok")
    info = await service.get("/info")
    assert info["user"] == "simulated"
    assert not robot.calls
    assert not llm.calls


@pytest.mark.sqlite
async def test_health_names_damaged_conversations_to_administrators(opened: Opened) -> None:
    service = await opened(DUOLOGUE_API_KEYS="a-key", DUOLOGUE_CLIENT_KEYS="lan=her-key")
    service.headers["X-API-Key"] = "a-key"
    ids = [
        (await service.post("/api/conversations", {"bot_id": 16}))["conversation_id"]
        for _ in range(2)
    ]
    with contextlib.closing(sqlite3.connect(service.database, isolation_level=None)) as other:
        other.execute("UPDATE conversations SET status = 'dancing' WHERE id = ?", (ids[0],))
    listed = await service.get("/api/conversations")
    assert [row["conversation_id"] for row in listed["conversations"]] == [ids[1]]
    health = await service.get("/health")
    assert (health["status"], health["database"]) == ("degraded", "ok")
    assert health["damaged"] == {"count": 1, "ids": [ids[0]]}
    for key in ("her-key", "none"):
        service.headers["X-API-Key"] = key
        assert (await service.get("/health"))["damaged"] == {"count": 1, "ids": []}
    service.headers["X-API-Key"] = "a-key"
    assert (await service.ask("DELETE", f"/api/conversations/{ids[0]}")).status == 204
    assert (await service.get("/health"))["status"] == "ok"


async def quickest(service: Service, path: str) -> float:
    """The best of five, since other tests may be busy on the same cores."""
    took = []
    for _ in range(5):
        began = monotonic()
        assert (await service.ask("GET", path)).status == 200
        took.append(monotonic() - began)
    return min(took)


async def test_without_a_model_everybody_is_told_who_speaks(service: Service) -> None:
    info = await service.get("/info")
    assert info["user"] == "scripted"
    assert "scripted" in info["user_note"]
    frames = await service.frames("/simulate", {"bot_id": 16, "max_turns": 1})
    assert "scripted" in frames[0].data["message"] + frames[1].data["message"]
    assert "scripted" in service.process.stdout


async def test_metrics_count_what_happened(service: Service, robot: RobotServer) -> None:
    robot.fail("status", status=500, turn=2, times=1)
    await service.frames("/simulate", {"bot_id": 16, "max_turns": 3})
    figures = dict(
        line.rsplit(" ", 1)
        for line in (await service.ask("GET", "/metrics")).text.splitlines()
        if not line.startswith("#")
    )
    assert float(figures["duologue_turns_total"]) == 3
    assert float(figures['duologue_conversations{status="completed"}']) == 1
    assert float(figures["duologue_open_runs"]) == 0
    assert float(figures["duologue_open_streams"]) == 0
    assert float(figures['duologue_retries_total{code="bot_http_error",where="bot"}']) == 1
    ended = 'duologue_runs_total{end_reason="max_turns",status="completed"}'
    assert float(figures[ended]) == 1


async def test_metrics_count_open_streams(service: Service, robot: RobotServer) -> None:
    robot.fail("hold", turn=1)
    id = await service.begin(1)
    async with (
        service.stream(f"/api/conversations/{id}/events") as one,
        service.stream(f"/api/conversations/{id}/events") as two,
    ):
        await asyncio.gather(anext(one), anext(two))
        figures = (await service.ask("GET", "/metrics")).text
        assert "duologue_open_streams 2.0" in figures
        assert "duologue_open_runs 1.0" in figures


async def test_no_secret_in_any_answer_stream_log_or_file(
    opened: Opened, robot: RobotServer, llm: LlmServer
) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-SECRETMODEL0123456789",
        "ROBOT_TOKEN": "SECRETHEADER0123456789",
    }
    key = "SECRETAPIKEY0123456789"
    bot = {
        "kind": "webhook",
        "preset": "robot-lesson",
        "base_url": robot.url,
        "headers": {"Authorization": "Bearer ${ROBOT_TOKEN}"},
    }
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "m"}
    service = await opened(
        bots={"guarded": bot, "talker": talker},
        OPENAI_BASE_URL=llm.base_url,
        api_keys=key,
        log_file="duologue.log",
        log_level="DEBUG",
        attempts="1",
        **secrets,
    )
    service.headers = {"X-API-Key": key}
    heard: list[str] = []
    # Each server gives away in its answer what it was sent.
    known = (
        (robot, "init", "ROBOT_TOKEN"),
        (robot, "turn", "ROBOT_TOKEN"),
        (llm, "chat", "OPENAI_API_KEY"),
    )
    for server, op, name in known:
        for kind, field in (
            ("not_ok", "text"),
            ("status", "text"),
            ("redirect", "location"),
            ("content_type", "content_type"),
        ):
            if kind not in server.kinds:
                continue
            robot.faults.clear()
            llm.faults.clear()
            server.fail(kind, op=op, **{field: f"http/{secrets[name]}"})
            for bot_id in ("guarded", "talker"):
                answer = await service.ask(
                    "POST", "/api/simulate", {"bot_id": bot_id, "max_turns": 2}
                )
                frames = await service.frames("/simulate", {"bot_id": bot_id, "max_turns": 1})
                heard += [answer.text, *(json.dumps(frame.data) for frame in frames)]
                heard.append((await service.ask("POST", f"/api/bots/{bot_id}/ping")).text)
    robot.faults.clear()
    llm.faults.clear()
    await service.frames("/simulate", {"bot_id": "guarded", "max_turns": 1})
    pages = "info health metrics api/bots api/personas openapi.json docs api/conversations".split()
    heard += [(await service.ask("GET", f"/{path}")).text for path in pages]
    heard.append((await service.ask("GET", "/", headers={"X-API-Key": key[:-1]})).text)
    heard += [service.process.stderr, service.process.stdout]
    files = [p for p in service.folder.rglob("*") if p.is_file() and p.name != "bots.yaml"]
    heard += [path.read_bytes().decode("utf-8", "replace") for path in files]
    assert any(path.name == "duologue.log" for path in files)
    for secret in (*secrets.values(), key):
        assert not [text[:300] for text in heard if secret in text], secret
    assert robot.calls
    assert {call.authorization for call in llm.calls} != {""}


async def test_logs_are_json_lines_with_the_conversation_and_no_text_at_info(
    service: Service,
) -> None:
    line = "Câu này không được vào nhật ký"
    id = await service.begin(2, lines=[line, line])
    await service.until(id, "completed")
    told = [json.loads(row) for row in service.log.splitlines()]
    mine = [row["event"] for row in told if row.get("conversation_id") == id]
    assert "run started" in mine
    assert "run ended" in mine
    assert line not in service.log
    assert "Câu này" not in service.log


async def test_the_root_tells_programs_and_browsers_where_things_are(service: Service) -> None:
    root = await service.get("/")
    assert root["docs"] == "/docs"
    page = await service.ask("GET", "/", headers={"Accept": "text/html"})
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    schema = await service.get("/openapi.json")
    assert schema["info"]["title"] == "Duologue"
    assert (await service.ask("GET", "/docs")).status == 200


async def test_a_ping_tells_whether_a_bot_can_be_reached(
    service: Service, robot: RobotServer
) -> None:
    assert (await service.post("/api/bots/16/ping"))["ok"] is True
    async with robot.down():
        told = await service.post("/api/bots/16/ping")
        assert (told["ok"], told["code"]) == (False, "bot_unreachable")
    assert (await service.ask("POST", "/api/bots/none/ping")).status == 404


async def test_a_bot_that_is_not_ready_is_not_called(opened: Opened, robot: RobotServer) -> None:
    guarded = {
        "kind": "webhook",
        "preset": "robot-lesson",
        "base_url": robot.url,
        "headers": {"Authorization": "Bearer ${NOT_SET_ANYWHERE}"},
        "ping": {"url": f"{robot.url}/ping"},
    }
    shop = {"kind": "prompt", "prompt": "You are a shop."}
    service = await opened(bots={"guarded": guarded, "shop": shop, "gpt": {"kind": "openai"}})
    listed = {bot["bot_id"]: bot for bot in (await service.get("/api/bots"))["bots"]}
    for id in ("guarded", "shop", "gpt"):
        told = await service.post(f"/api/bots/{id}/ping")
        assert (told["ok"], told["code"]) == (False, "not_ready")
        assert told["message"] == listed[id]["reason"]
        assert listed[id]["ready"] is False
    assert not robot.calls

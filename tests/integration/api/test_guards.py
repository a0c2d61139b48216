"""Whose conversation it is, who may call, and what is gone once it is deleted."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, write_lines
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
RANDOM_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SECRET_LINE = "Bí mật của Lan 7f3a"


def paths_of(id: str) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Every way to see or change a conversation; GET and DELETE ask in the query."""
    at = f"/api/conversations/{id}"
    return [
        ("GET", at, None),
        ("PATCH", at, {"max_turns": 5}),
        ("DELETE", at, None),
        ("GET", f"{at}/checkpoints", None),
        ("POST", f"{at}/forks", {"index": 0}),
        ("POST", f"{at}/messages", {"content": "a"}),
        ("POST", f"{at}/runs", {}),
        ("POST", f"{at}/resume", {}),
        ("POST", f"{at}/stop", {}),
        ("GET", f"{at}/events", None),
    ]


async def test_another_clients_conversation_is_refused_on_every_path(service: Service) -> None:
    id = await service.make(1, client_id="lan", lines=[SECRET_LINE])
    await service.run(id, client_id="lan")
    await service.until(id, "completed", client_id="lan")
    before = await service.show(id, client_id="lan")
    for method, path, body in paths_of(id):
        for other in (None, "minh", "LAN", "lan2", "la"):
            options: dict[str, Any] = {}
            sent = body
            if other and body is not None:
                sent = {**body, "client_id": other}
            elif other:
                options = {"params": {"client_id": other}}
            answer = await service.ask(method, path, sent, **options)
            assert answer.status == 403, (method, path, other)
            assert answer.json["type"] == "urn:duologue:forbidden"
            assert SECRET_LINE not in answer.text
            assert "lan" not in answer.text
    chat = await service.ask("POST", "/chat/stream", {"session_id": id, "message": "a"})
    assert chat.status == 403
    for query in ({}, {"client_id": "minh"}, {"status": "completed"}, {"bot_id": "16"}):
        page = await service.get("/api/conversations", params=query)
        assert page["conversations"] == []
    assert await service.show(id, client_id="lan") == before


async def test_a_conversation_of_nobody_asks_for_no_client(service: Service) -> None:
    id = await service.begin(1)
    await service.until(id, "completed")
    assert (await service.show(id, client_id="anyone"))["status"] == "completed"


async def test_ids_are_random_uuids_and_nothing_else_finds_a_conversation(
    service: Service,
) -> None:
    ids = [await service.make(1) for _ in range(50)]
    assert len(set(ids)) == 50
    for id in ids:
        assert re.fullmatch(RANDOM_UUID, id)
    for wrong in (ids[0][:-1], ids[0].replace("-", ""), ids[0][:-1] + "*", f"{ids[0]}%00"):
        assert (await service.ask("GET", f"/api/conversations/{wrong}")).status == 404


async def test_lists_are_newest_first_filtered_and_paged(service: Service) -> None:
    ids = [await service.make(1, client_id="lan") for _ in range(7)]
    other = await service.make(1, client_id="minh")
    nobody = await service.make(1)
    await service.run(ids[2], client_id="lan")
    await service.until(ids[2], "completed", client_id="lan")

    async def page(**query: Any) -> tuple[list[str], str | None]:
        found = await service.get("/api/conversations", params=query)
        return [one["conversation_id"] for one in found["conversations"]], found["next"]

    assert await page() == ([nobody], None)
    assert await page(client_id="minh") == ([other], None)
    assert await page(client_id="lan") == (ids[::-1], None)
    assert await page(client_id="lan", status="completed") == ([ids[2]], None)
    assert await page(client_id="lan", bot_id="16", status="created", limit=2) == (
        [ids[6], ids[5]],
        (await page(client_id="lan", limit=2))[1],
    )
    assert await page(client_id="lan", bot_id="17") == ([], None)
    walked, cursor = await page(client_id="lan", limit=3)
    newer = await service.make(1, client_id="lan")
    while cursor:
        more, cursor = await page(client_id="lan", limit=3, cursor=cursor)
        walked += more
    assert walked == ids[::-1]
    assert newer not in walked


@pytest.mark.sqlite
async def test_what_is_deleted_has_left_the_database_file(service: Service) -> None:
    id = await service.make(2, client_id="lan", lines=[SECRET_LINE] * 2, user_prompt="Giấu kín 91")
    await service.run(id, client_id="lan")
    await service.until(id, "completed", client_id="lan")
    kept = await service.begin(1)
    await service.until(kept, "completed")
    checkpoint(service)
    assert marks_in(service, id) >= {SECRET_LINE, id, "Giấu kín 91"}
    at = f"/api/conversations/{id}"
    gone = await service.ask("DELETE", at, params={"client_id": "lan"})
    assert (gone.status, gone.body) == (204, b"")
    for method, path, body in paths_of(id):
        assert (await service.ask(method, path, body)).status == 404, path
    checkpoint(service)
    assert marks_in(service, id) == set()
    assert (await service.show(kept))["status"] == "completed"


def checkpoint(service: Service) -> None:
    connection = sqlite3.connect(service.database, timeout=10)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def marks_in(service: Service, id: str) -> set[str]:
    files = [path for path in service.folder.glob("duologue.db*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    return {mark for mark in (SECRET_LINE, id, "Giấu kín 91") if mark.encode() in content}


async def test_deleting_what_runs_stops_it_and_ends_its_streams(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hang", turn=1)
    id = await service.begin(2)
    following = asyncio.ensure_future(service.follow(id))
    await wait_until(lambda: held.fired)
    assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
    heard = Heard.of(await following)
    assert heard.events[-1] == "done"
    await asyncio.sleep(0.2)
    assert (await service.ask("GET", f"/api/conversations/{id}")).status == 404
    assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 404


async def test_api_keys_are_asked_for_everywhere_but_on_health(opened: Opened) -> None:
    service = await opened(api_keys="key-one-1234,key-two-5678")
    schema = (await service.ask("GET", "/openapi.json", headers={"X-API-Key": "key-one-1234"})).json
    id = "00000000-0000-4000-8000-000000000000"
    for path, item in schema["paths"].items():
        for method in item:
            sent = {"json": {}} if method in ("post", "patch") else {}
            for headers in ({}, {"X-API-Key": "key-one-123"}, {"Authorization": "Basic a2V5"}):
                answer = await service.ask(
                    method.upper(), path.replace("{id}", id), headers=headers, **sent
                )
                if path == "/health":
                    assert answer.status == 200
                    continue
                assert answer.status == 401, path
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.json["type"] == "urn:duologue:no-key"
                assert "key-" not in answer.text
    for path in ("/docs", "/openapi.json", "/nowhere", "/health/../info"):
        assert (await service.ask("GET", path)).status == 401, path
    for headers in ({"X-API-Key": "key-two-5678"}, {"Authorization": "Bearer key-one-1234"}):
        assert (await service.ask("GET", "/info", headers=headers)).status == 200
    for headers in ({"X-API-Key": "ké"}, {"Authorization": "Bearer \u00ff"}):
        assert (await service.ask("GET", "/info", headers=headers)).status == 401


async def test_a_key_that_is_bound_to_a_client_sees_nothing_else(opened: Opened) -> None:
    service = await opened(api_keys="admin-key", client_keys="lan=lan-key,minh=minh-key")
    admin, lan, minh = ({"X-API-Key": f"{name}-key"} for name in ("admin", "lan", "minh"))
    again = {"Idempotency-Key": "the-same"}
    ids: dict[str, str] = {}
    for name, key in (("admin", admin), ("lan", lan), ("minh", minh)):
        made = await service.post("/session", {"bot_id": 16}, headers={**key, **again})
        ids[name] = made["session_id"]
    assert len(set(ids.values())) == 3
    foreign = [ids["admin"], ids["minh"]]
    for id in foreign:
        place = f"/api/conversations/{id}"
        for method, path, body in (
            ("GET", place, None),
            ("GET", f"{place}/events", None),
            ("GET", f"{place}/checkpoints", None),
            ("PATCH", place, {"max_turns": 3}),
            ("POST", f"{place}/runs", {}),
            ("POST", f"{place}/resume", {}),
            ("POST", f"{place}/messages", {"content": "x"}),
            ("POST", f"{place}/stop", {}),
            ("POST", f"{place}/forks", {"index": -1}),
            ("POST", "/chat/stream", {"session_id": id, "message": "x"}),
            ("DELETE", place, None),
        ):
            answer = await service.ask(method, path, body, headers=lan)
            assert answer.status == 403, (method, path, answer.text)
    claimed = {"client_id": "minh"}
    listed = await service.get("/api/conversations", headers=lan)
    assert [row["conversation_id"] for row in listed["conversations"]] == [ids["lan"]]
    for answer in (
        await service.ask("GET", "/api/conversations", headers=lan, params=claimed),
        await service.ask("POST", "/api/conversations", claimed, headers=lan),
        await service.ask("GET", "/metrics", headers=lan),
    ):
        assert answer.status == 403
    said = {"session_id": ids["lan"], "message": "sẵn sàng"}
    assert (await service.ask("POST", "/chat/stream", said, headers=lan)).status == 200
    own = f"/api/conversations/{ids['lan']}"
    forked = await service.post(f"{own}/forks", {"index": 0}, headers=lan)
    assert (await service.ask("GET", f"/api/conversations/{forked['conversation_id']}",
                              headers=minh)).status == 403  # fmt: skip
    assert (await service.ask("DELETE", own, headers=lan)).status == 204
    assert '"event":"audit"' in service.log
    assert '"key":"client lan"' in service.log


async def test_cors_is_off_by_default_and_names_origins_where_it_is_on(opened: Opened) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    off = await opened()
    for method in ("GET", "OPTIONS"):
        answer = await off.ask(method, "/info", headers=asked)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    on = await opened(cors_origins="http://good.example", api_keys="key-one-1234")
    good = {**asked, "Origin": "http://good.example"}
    answer = await on.ask("OPTIONS", "/simulate", headers=good)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "http://good.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    answer = await on.ask("OPTIONS", "/simulate", headers=asked)
    assert "Access-Control-Allow-Origin" not in answer.headers
    refused = await on.ask("GET", "/info", headers=good)
    assert refused.status == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "http://good.example"


async def test_twenty_conversations_at_once_do_not_mix(
    service: Service, robot: RobotServer
) -> None:
    ids = [await service.begin(5) for _ in range(20)]
    for id in ids:
        await service.until(id, "completed")
        assert [call.message for call in robot.of(id)] == write_lines(5)
    assert not [call for call in robot.calls if call.overlapped]

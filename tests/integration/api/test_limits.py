"""The server's own limits hold on every way to go past them."""

from collections.abc import Awaitable, Callable

from tests.integration.api.service import Service

Opened = Callable[..., Awaitable[Service]]


async def test_no_path_gives_more_turns_than_the_server_allows(opened: Opened) -> None:
    service = await opened(max_turns="3")
    for path in ("/simulate", "/api/simulate", "/api/conversations", "/session"):
        answer = await service.ask("POST", path, {"bot_id": 16, "max_turns": 4})
        assert (answer.status, answer.json["field"]) == (422, "max_turns"), path
    id = await service.begin(3)
    await service.until(id, "completed")
    at = f"/api/conversations/{id}"
    forked = await service.ask("POST", f"{at}/forks", {"index": 1, "max_turns": 4})
    assert (forked.status, forked.json["field"]) == (422, "max_turns")
    more = await service.ask("POST", f"{at}/runs", {"turns": 5})
    assert more.status == 409
    assert (await service.show(id))["turn"] == 3
    idle = await service.make(1)
    changed = await service.ask("PATCH", f"/api/conversations/{idle}", {"max_turns": 4})
    assert (changed.status, changed.json["field"]) == (422, "max_turns")


async def test_what_leaves_the_turns_out_gets_what_is_allowed(opened: Opened) -> None:
    service = await opened(max_turns="3")
    made = await service.post("/api/conversations", {"bot_id": 16})
    assert made["max_turns"] == 3
    session = (await service.post("/session", {}))["session_id"]
    assert (await service.show(session))["max_turns"] == 3

"""What a conversation was started with can be started again; a trial has its verdicts."""

from typing import Any

from tests.integration.api.service import Service
from tests.integration.api.test_experiments import SUITE, create, until, write
from tests.integration.evaluation.lab import GREETS


async def test_the_set_up_is_what_starts_another_one_like_it(service: Service) -> None:
    history = [{"role": "user", "content": "chào"}, {"role": "assistant", "content": "Chào bạn"}]
    asked = {"bot_id": 16, "max_turns": 3, "user_prompt": "hỏi", "seed": 7, "history": history}
    made = await service.post("/api/conversations", asked)
    setup = await service.get(f"/api/conversations/{made['conversation_id']}/setup")
    assert {name: setup["scenario"][name] for name in asked} == asked
    assert (setup["bot"]["bot_id"], setup["experiment"]) == (16, None)
    again = await service.post("/api/conversations", setup["scenario"])
    same = await service.get(f"/api/conversations/{again['conversation_id']}/setup")
    assert same["scenario"] == setup["scenario"]


async def test_of_a_fork_it_has_not_what_was_said_before(service: Service) -> None:
    history = [{"role": "user", "content": "chào"}, {"role": "assistant", "content": "Chào bạn"}]
    made = await service.post("/api/conversations", {"bot_id": 16, "history": history})
    fork = await service.post(f"/api/conversations/{made['conversation_id']}/forks", {"index": 1})
    setup = await service.get(f"/api/conversations/{fork['conversation_id']}/setup")
    assert "history" not in setup["scenario"]


async def test_a_trial_is_told_with_its_verdicts_and_no_other_conversation_is_one(
    service: Service,
) -> None:
    write(service, "scenarios/greets.yaml", GREETS)
    write(service, "suites/robot.yaml", SUITE)
    made = await create(service, name="first")
    await until(service, made["id"], "completed")
    page = await service.get(f"/api/experiments/{made['id']}/trials?scenario=greets&bot=16")
    assert len(page["trials"]) == 1
    none: dict[str, Any] = await service.get(f"/api/experiments/{made['id']}/trials?bot=nobody")
    assert none["trials"] == []
    id = page["trials"][0]["conversation_id"]
    assert await service.get(f"/api/conversations/{id}/trial") == page["trials"][0]
    place = (await service.get(f"/api/conversations/{id}/setup"))["experiment"]
    assert place == {"id": made["id"], "name": "first", "suite": "Robot", "repeat": 1}
    alone = await service.post("/api/conversations", {"bot_id": 16})
    path = f"/api/conversations/{alone['conversation_id']}"
    assert (await service.ask("GET", f"{path}/trial")).status == 404


async def test_another_client_sees_neither(service: Service) -> None:
    made = await service.post("/api/conversations", {"bot_id": 16, "client_id": "lan"})
    for part in ("setup", "trial"):
        path = f"/api/conversations/{made['conversation_id']}/{part}"
        assert (await service.ask("GET", path)).status == 403
        own = await service.ask("GET", f"{path}?client_id=lan")
        assert own.status == (200 if part == "setup" else 404)

"""Ends are marked for a webhook in the transaction that stores them; one process delivers them."""

from dataclasses import replace

import pytest

from core.ends import Status
from graph.storage.opening import Storage
from tests.contract.test_experiments import ROW as EXPERIMENT
from tests.contract.worlds import SQL_ALONE, World, add, anybody, as_storage, nobody

pytestmark = SQL_ALONE
LATER = 2.0e9
ERROR = {"error": "“kaputt” \0", "code": "bot_timeout", "retryable": True, "where": "bot"}


@pytest.fixture
async def storage(world: World) -> Storage:
    return as_storage(await world.open())


async def take_subjects(storage: Storage, now: float = LATER) -> list[str]:
    return [one.subject for one in await storage.deliveries.take("me", anybody, now, 10)]


async def test_nothing_is_marked_while_nobody_listens(storage: Storage) -> None:
    await add(storage, "0")
    await storage.catalogue.update("0", status=Status.COMPLETED)
    await storage.deliveries.expect()
    assert await take_subjects(storage) == []


async def test_ends_are_marked_with_their_facts_and_in_order(storage: Storage) -> None:
    await storage.deliveries.expect()
    for id, changes in (
        ("0", {"status": Status.COMPLETED, "end_reason": "max_turns", "turn": 3}),
        ("1", {"status": Status.INTERRUPTED, "error": ERROR}),
        ("goes on by itself", {"status": Status.INTERRUPTED}),
        ("waits", {"status": Status.WAITING}),
    ):
        await add(storage, id)
        await storage.catalogue.update(id, **changes)
    await add(storage, "trial", experiment_id="x")
    await storage.catalogue.update("trial", status=Status.COMPLETED)
    first, second = await storage.deliveries.take("me", anybody, LATER, 10)
    assert (first.kind, first.subject, first.attempts) == ("conversation.ended", "0", 0)
    assert {"status": "completed", "reason": "max_turns", "turns": 3}.items() <= first.facts.items()
    assert second.facts["error"] == ERROR


async def test_what_is_taken_is_not_taken_again_until_its_time_or_its_owners_end(
    storage: Storage,
) -> None:
    await storage.deliveries.expect()
    await add(storage, "0")
    await storage.catalogue.update("0", status=Status.COMPLETED)
    now = 1.8e9
    (mark,) = await storage.deliveries.take("me", anybody, now, 10)
    assert await storage.deliveries.take("you", anybody, now, 10) == []
    assert len(await storage.deliveries.take("you", nobody, now, 10)) == 1
    await storage.deliveries.postpone(mark.id, now + 30)
    assert await storage.deliveries.take("me", anybody, now, 10) == []
    (again,) = await storage.deliveries.take("me", anybody, now + 31, 10)
    assert again.attempts == 1
    await storage.deliveries.remove(mark.id)
    assert await storage.deliveries.take("me", nobody, now + 5000, 10) == []


async def test_an_experiment_is_marked_at_its_end_and_told_with_its_exit_code(
    storage: Storage,
) -> None:
    await storage.deliveries.expect()
    await storage.experiments.add(replace(EXPERIMENT, id="e"), [])
    await storage.experiments.update("e", status="completed", ended_at="2026-11-20T16:00:00.000Z")
    await storage.experiments.update("e", exit_code=1)
    (mark,) = await storage.deliveries.take("me", anybody, 1.0, 10)
    assert (mark.kind, mark.subject) == ("experiment.ended", "e")
    assert (mark.facts["exit_code"], mark.facts["trials"]) == (1, EXPERIMENT.total)


async def test_what_is_deleted_is_not_delivered(storage: Storage) -> None:
    await storage.deliveries.expect()
    await add(storage, "0")
    await storage.catalogue.update("0", status=Status.COMPLETED)
    await storage.catalogue.delete("0")
    assert await take_subjects(storage) == []

"""What is old is found and deleted; what runs, or may be young, is not."""

from dataclasses import replace

from core.ends import Status
from graph.storage.port import ConversationStorage
from tests.contract.worlds import ROW, add, anybody, no_checkpoint

OLD, LIMIT, NOW = "2026-01-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z", "2026-07-01T00:00:00.000Z"
AGES = {"created_at": OLD, "updated_at": OLD}


async def list_expired(storage: ConversationStorage, limit: int = 10) -> list[str]:
    return await storage.catalogue.list_expired(LIMIT, NOW, limit)


async def test_what_has_not_changed_is_found_oldest_first_and_a_few_at_a_time(
    storage: ConversationStorage,
) -> None:
    for id in ("a", "b", "c"):
        await add(storage, id, **AGES)
    await add(storage, "young", created_at=NOW, updated_at=NOW)
    await add(storage, "changed", created_at=OLD, updated_at=NOW)
    assert await list_expired(storage) == ["a", "b", "c"]
    assert await list_expired(storage, 2) == ["a", "b"]


async def test_what_somebody_drives_is_not_old(storage: ConversationStorage) -> None:
    await add(storage, "a", **AGES, status=Status.RUNNING, owner="x")
    assert await list_expired(storage) == []
    assert await storage.catalogue.expire("a", LIMIT) is None
    assert (await storage.catalogue.get("a")).status is Status.RUNNING


async def test_what_came_after_something_young_is_young_whatever_its_times_say(
    storage: ConversationStorage,
) -> None:
    await add(storage, "old", **AGES)
    await add(storage, "young", created_at=NOW, updated_at=NOW)
    await add(storage, "by a clock that was behind", **AGES)
    assert await list_expired(storage) == ["old"]


async def test_a_time_in_the_future_tells_nothing_of_what_came_after(
    storage: ConversationStorage,
) -> None:
    future = "2027-01-01T00:00:00.000Z"
    await add(storage, "by a clock that was ahead", created_at=future, updated_at=future)
    await add(storage, "old", **AGES)
    assert await list_expired(storage) == ["old"]


async def test_what_was_taken_up_meanwhile_is_not_deleted(storage: ConversationStorage) -> None:
    await add(storage, "a", **AGES)
    assert await list_expired(storage) == ["a"]
    await storage.catalogue.claim("a", storage.owner.id, anybody)
    await storage.catalogue.release("a", status=Status.STOPPED)
    assert await storage.catalogue.expire("a", LIMIT) is None
    await storage.catalogue.get("a")


async def test_what_is_deleted_is_given_back_and_its_key_is_free(
    storage: ConversationStorage,
) -> None:
    await storage.create(replace(ROW, id="a", **AGES), no_checkpoint, "key", "body")
    found = await storage.catalogue.expire("a", LIMIT)
    assert found is not None
    assert found.bot_id == ROW.bot_id
    assert await list_expired(storage) == []
    assert await storage.catalogue.find_by_key("key", "other body") is None


async def test_the_last_look_is_what_was_stored_or_else_the_last_change(
    storage: ConversationStorage,
) -> None:
    assert await storage.catalogue.read_last_look() is None
    await add(storage, "a", **AGES)
    await add(storage, "b", created_at=OLD, updated_at=LIMIT)
    assert await storage.catalogue.read_last_look() == LIMIT
    await storage.catalogue.store_last_look(NOW)
    await storage.catalogue.store_last_look(OLD)
    assert await storage.catalogue.read_last_look() == OLD

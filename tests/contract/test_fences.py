"""Who lost a conversation writes nothing more of it, whichever the database."""

from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from core.ends import Status
from core.errors import KeyReused, NotFound, Overtaken, StorageError
from graph.storage.port import ConversationStorage
from tests.contract.worlds import ROW, World, add, anybody, nobody, replace

PLACE: Any = {"configurable": {"thread_id": "0", "checkpoint_ns": ""}, "metadata": {}}


@pytest.fixture
async def loser(storage: ConversationStorage) -> ConversationStorage:
    await add(storage, "0")
    return storage


@pytest.fixture
async def winner(world: World, loser: ConversationStorage) -> ConversationStorage:
    return await world.open()


async def checkpoints(storage: ConversationStorage) -> list[Any]:
    return [one async for one in storage.checkpoints.alist(PLACE)]


async def put(storage: ConversationStorage) -> None:
    await storage.checkpoints.aput(PLACE, empty_checkpoint(), {}, {})


async def test_after_another_claim_nothing_of_the_run_is_written(
    loser: ConversationStorage, winner: ConversationStorage
) -> None:
    await loser.catalogue.claim("0", loser.owner.id, nobody)
    await put(loser)
    await winner.catalogue.claim("0", winner.owner.id, nobody)
    await put(winner)
    with pytest.raises(Overtaken):
        await put(loser)
    with pytest.raises(Overtaken):
        await loser.checkpoints.settle("0")
    with pytest.raises(Overtaken):
        await loser.catalogue.update("0", turn=99)
    loser.catalogue.update_later("0", turn=99)
    with pytest.raises(Overtaken):
        await loser.catalogue.release("0", status=Status.COMPLETED)
    row = await winner.catalogue.get("0")
    assert (row.status, row.owner, row.turn) == (Status.RUNNING, winner.owner.id, 0)
    assert len(await checkpoints(winner)) == 2
    await loser.check()  # the database is well


async def test_a_run_that_was_marked_as_orphaned_is_lost_too(
    loser: ConversationStorage, winner: ConversationStorage
) -> None:
    await loser.catalogue.claim("0", loser.owner.id, nobody)
    await winner.catalogue.interrupt_orphans(nobody)
    with pytest.raises(Overtaken):
        await put(loser)


async def test_a_change_at_rest_is_refused_while_another_process_drives(
    loser: ConversationStorage, winner: ConversationStorage
) -> None:
    await winner.catalogue.claim("0", winner.owner.id, nobody)
    for change in (put(loser), loser.catalogue.update("0", seat="human")):
        with pytest.raises(Overtaken):
            await change
    await winner.catalogue.release("0", status=Status.WAITING)
    await loser.catalogue.update("0", seat="human")
    await put(loser)


async def test_whoever_claims_again_may_write_again(loser: ConversationStorage) -> None:
    for _ in range(2):
        await loser.catalogue.claim("0", loser.owner.id, nobody)
        await put(loser)
        await loser.catalogue.release("0", status=Status.INTERRUPTED)
    assert (await loser.catalogue.get("0")).runs == 2


async def test_a_conversation_that_was_deleted_comes_not_back(
    loser: ConversationStorage, winner: ConversationStorage
) -> None:
    await loser.catalogue.claim("0", loser.owner.id, anybody)
    await winner.catalogue.delete("0")
    with pytest.raises(Overtaken):
        await put(loser)
    assert await checkpoints(winner) == []


async def test_what_a_dead_process_left_is_taken_over_and_it_comes_not_back(
    world: World, loser: ConversationStorage, winner: ConversationStorage
) -> None:
    await loser.catalogue.claim("0", loser.owner.id, loser.owner.is_alive)
    assert await winner.catalogue.interrupt_orphans(winner.owner.is_alive) == []
    world.kill(loser)
    (left,) = await winner.catalogue.interrupt_orphans(winner.owner.is_alive)
    assert left.id == "0"
    await winner.catalogue.claim("0", winner.owner.id, winner.owner.is_alive)
    with pytest.raises(Overtaken):
        await put(loser)


async def create(
    storage: ConversationStorage, id: str, key: str | None = None, body: str = ""
) -> str:
    place: Any = {"configurable": {"thread_id": id, "checkpoint_ns": ""}, "metadata": {}}

    async def checkpoint() -> None:
        await storage.checkpoints.aput(place, empty_checkpoint(), {}, {})

    return await storage.create(replace(ROW, id=id), checkpoint, key, body)


async def test_a_creation_is_whole_or_not_at_all(loser: ConversationStorage) -> None:
    assert await create(loser, "new", "key", "body") == "new"
    assert await create(loser, "again", "key", "body") == "new"
    with pytest.raises(KeyReused):
        await create(loser, "other", "key", "another body")
    with pytest.raises(StorageError):
        await create(loser, "0")  # it is there already
    with pytest.raises(NotFound):
        await loser.catalogue.get("again")
    for id in ("again", "other", "0"):
        place: Any = {"configurable": {"thread_id": id, "checkpoint_ns": ""}}
        assert await loser.checkpoints.aget_tuple(place) is None


async def test_writes_wait_for_their_checkpoint_or_for_the_end_of_the_run(
    loser: ConversationStorage,
) -> None:
    saver = loser.checkpoints
    first = await saver.aput(PLACE, empty_checkpoint(), {}, {})
    await saver.aput_writes(first, [("messages", "một")], "task")
    found = await saver.aget_tuple(first)
    assert found is not None
    assert found.pending_writes == []
    await saver.settle("0")
    found = await saver.aget_tuple(first)
    assert found is not None
    assert found.pending_writes == [("task", "messages", "một")]

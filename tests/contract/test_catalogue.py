"""The catalogue on every database: rows as they were written, newest first, one owner at a time."""

import asyncio
from dataclasses import replace

import pytest

from core.ends import Status
from core.errors import Busy, KeyReused, NotFound
from graph.storage.conversation import Conversation
from graph.storage.port import ConversationStorage
from tests.contract.worlds import ROW, add, anybody, no_checkpoint, nobody


async def test_a_row_is_read_as_it_was_written(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    error = {"error": "“kaputt”", "code": "bot_timeout", "retryable": True, "where": "bot"}
    row = replace(ROW, error=error, status=Status.INTERRUPTED, forked_at=3, parent_id="x")
    await storage.create(row, no_checkpoint)
    assert await catalogue.get("0") == row


async def test_what_is_not_there_is_not_found(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    for id in ("0", "../0", "' OR 1=1 --", "\0", "x" * 10_000):
        with pytest.raises(NotFound):
            await catalogue.get(id)
        with pytest.raises(NotFound):
            await catalogue.claim(id, "me", nobody)
        with pytest.raises(NotFound):
            await catalogue.stop(id, lambda _: False)


async def test_pages_are_newest_first_and_together_are_all(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    ids = [str(n) for n in range(25)]
    for id in ids:
        await add(storage, id)
    seen, before = [], None
    while True:
        rows, before = await catalogue.list_page(10, before)
        seen += [row.id for row in rows]
        if before is None:
            break
        await add(storage, f"later {before}")
    assert seen == ids[::-1]


async def test_a_page_is_filtered_by_each_column(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    await add(storage, "a", client_id="eins", bot_id="7")
    await add(storage, "b", client_id="zwei", bot_id="7", status=Status.STOPPED)
    await add(storage, "c")

    async def found(**filters: str) -> list[str]:
        return [row.id for row in (await catalogue.list_page(10, **filters))[0]]

    assert await found() == ["c", "b", "a"]
    assert await found(client_id="eins") == ["a"]
    assert await found(client_id="") == ["c"]
    assert await found(bot_id="7") == ["b", "a"]
    assert await found(bot_id="7", status="stopped") == ["b"]
    assert await found(client_id="eins' OR '1'='1") == []


async def test_the_same_key_and_body_give_the_same_conversation(
    storage: ConversationStorage,
) -> None:
    catalogue = storage.catalogue
    rows = [replace(ROW, id=str(n)) for n in range(5)]
    made = await asyncio.gather(
        *(storage.create(row, no_checkpoint, "key", "body") for row in rows)
    )
    assert set(made) == {"0"}
    assert await catalogue.find_by_key("key", "body") == "0"
    assert await catalogue.find_by_key("another", "body") is None
    for what in (
        storage.create(rows[1], no_checkpoint, "key", "other"),
        catalogue.find_by_key("key", "other"),
    ):
        with pytest.raises(KeyReused):
            await what
    assert len((await catalogue.list_page(10))[0]) == 1


async def test_of_many_claims_one_wins_while_its_owner_lives(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    await add(storage, "0")
    claims = [catalogue.claim("0", f"owner {n}", anybody) for n in range(5)]
    got = await asyncio.gather(*claims, return_exceptions=True)
    assert [type(one) for one in got] == [Conversation, Busy, Busy, Busy, Busy]
    row = await catalogue.get("0")
    assert (row.status, row.owner, row.runs) == (Status.RUNNING, "owner 0", 1)
    await catalogue.claim("0", "heir", nobody)
    assert (await catalogue.get("0")).owner == "heir"


async def test_a_claim_is_refused_where_a_run_came_between(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    await add(storage, "0", runs=1)
    with pytest.raises(Busy):
        await catalogue.claim("0", "me", nobody, runs=0)
    assert (await catalogue.claim("0", "me", nobody, runs=1)).runs == 1


async def test_a_claim_forgets_error_and_turn_in_flight_of_the_run_before(
    storage: ConversationStorage,
) -> None:
    catalogue = storage.catalogue
    await add(storage, "0", error={"error": "x"}, in_flight=3, status=Status.INTERRUPTED)
    before = await catalogue.claim("0", "me", nobody)
    assert before.in_flight == 3
    row = await catalogue.get("0")
    assert (row.error, row.in_flight) == (None, None)


async def test_a_stop_is_written_only_where_nobody_drives_and_nothing_has_ended(
    storage: ConversationStorage,
) -> None:
    catalogue = storage.catalogue
    for status in Status:
        await add(storage, status, status=status, owner="somebody")
        driven = await catalogue.stop(status, lambda _: True)
        assert driven == (status not in (Status.RUNNING, Status.COMPLETED, Status.STOPPED))
    assert await catalogue.stop("running", lambda _: False)
    assert (await catalogue.get("running")).owner is None
    assert (await catalogue.get("completed")).status is Status.COMPLETED


async def test_what_dead_owners_left_running_is_interrupted_and_nothing_else(
    storage: ConversationStorage,
) -> None:
    catalogue = storage.catalogue
    for status in Status:
        await add(storage, status, status=status, owner="dead")
    await add(storage, "lives", status=Status.RUNNING, owner="alive")
    left = await catalogue.interrupt_orphans(lambda owner: owner == "alive")
    assert [row.id for row in left] == ["running"]
    assert (await catalogue.get("running")).status is Status.INTERRUPTED
    assert (await catalogue.get("running")).owner is None
    assert (await catalogue.get("lives")).status is Status.RUNNING
    assert await catalogue.interrupt_orphans(lambda owner: owner == "alive") == []


async def test_a_note_is_on_disk_with_whatever_is_awaited_next(
    storage: ConversationStorage,
) -> None:
    catalogue = storage.catalogue
    await add(storage, "0")
    catalogue.update_later("0", turn=3)
    await catalogue.update("0", seat="human")
    row = await catalogue.get("0")
    assert (row.turn, row.seat) == (3, "human")
    assert row.updated_at > row.created_at


async def test_replays_of_a_conversation_are_no_forks_of_it(storage: ConversationStorage) -> None:
    await add(storage, "p")
    await add(storage, "fork", parent_id="p")
    await add(storage, "replay", parent_id="p", experiment_id="shrink")
    assert await storage.catalogue.list_children("p") == ["fork"]
    assert await storage.catalogue.list_replays("p") == ["replay"]


async def test_counts_and_children(storage: ConversationStorage) -> None:
    catalogue = storage.catalogue
    await add(storage, "p")
    await add(storage, "k1", parent_id="p", status=Status.COMPLETED)
    await add(storage, "k2", parent_id="p", status=Status.COMPLETED)
    assert await catalogue.count_by_status() == {"created": 1, "completed": 2}
    assert await catalogue.list_children("p") == ["k1", "k2"]
    await catalogue.delete("k1")
    assert await catalogue.list_children("p") == ["k2"]
    await catalogue.delete("p")
    fork = await catalogue.get("k2")
    assert fork.parent_id is None  # nothing names what was deleted

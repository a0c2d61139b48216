"""What only Postgres has: other programs' tables, connections that are cut, processes that race."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from core.ends import Status
from core.errors import NewerDatabase, StorageError
from graph.storage.migrations import read_migrations
from graph.storage.opening import Storage, open_storage, prepare_storage
from tests.contract.worlds import ROW, add, no_checkpoint
from tests.servers.postgres import PostgresServer
from tests.servers.wait import wait_until

pytestmark = pytest.mark.postgres
CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'duologue'"""


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[tuple[Storage, Storage]]:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(open_storage(postgres_url))
        yield one, await stack.enter_async_context(open_storage(postgres_url))


def schema_of(url: str) -> str:
    return url.rpartition("%3D")[2]


def test_a_database_of_a_newer_program_is_refused_in_plain_words(
    postgres: PostgresServer, postgres_url: str
) -> None:
    prepare_storage(postgres_url)
    prepare_storage(postgres_url)  # nothing to do
    postgres.sql(f"UPDATE {schema_of(postgres_url)}.duologue_schema SET version = 99")
    with pytest.raises(NewerDatabase, match=f"version 99.*{len(read_migrations('postgres'))}"):
        prepare_storage(postgres_url)


def test_tables_of_another_program_are_left_alone(
    postgres: PostgresServer, postgres_url: str
) -> None:
    postgres.sql(f"CREATE TABLE {schema_of(postgres_url)}.checkpoints (mine TEXT)")
    with pytest.raises(StorageError, match="tables of another program"):
        prepare_storage(postgres_url)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(StorageError) as caught:
        prepare_storage("postgresql://me:geheim@127.0.0.1:1/talks")
    assert "talks at 127.0.0.1" in caught.value.message
    assert "geheim" not in caught.value.message


async def test_cut_connections_cost_no_write_and_double_none(
    postgres: PostgresServer, two: tuple[Storage, Storage]
) -> None:
    storage, other = two
    await add(storage, "0")
    cuts = 0
    for count in range(20):
        claim = storage.catalogue.claim("0", storage.owner.id, storage.owner.is_alive)
        claiming = asyncio.ensure_future(claim)
        if count % 4 == 3:
            ((cut,),) = await asyncio.to_thread(postgres.sql, CUT)
            cuts += cut
        await claiming
        await storage.catalogue.release("0", status=Status.WAITING)
    assert cuts > 5
    assert (await other.catalogue.get("0")).runs == 20


async def test_a_restart_of_the_server_is_waited_for(
    postgres: PostgresServer, two: tuple[Storage, Storage]
) -> None:
    storage, other = two
    await add(storage, "0")
    await asyncio.to_thread(postgres.stop)
    writing = asyncio.ensure_future(storage.catalogue.update("0", turn=3))
    await asyncio.to_thread(postgres.start)
    await writing
    assert (await other.catalogue.get("0")).turn == 3
    await storage.check()


async def test_an_owner_whose_lock_was_lost_takes_it_again(
    postgres: PostgresServer, two: tuple[Storage, Storage]
) -> None:
    storage, other = two
    assert other.owner.is_alive(storage.owner.id)
    assert not other.owner.is_alive("f" * 32)
    await asyncio.to_thread(postgres.sql, CUT)
    await wait_until(lambda: other.owner.is_alive(storage.owner.id))


async def test_two_processes_with_one_key_make_one_conversation(
    two: tuple[Storage, Storage],
) -> None:
    rows = [replace(ROW, id=str(n)) for n in range(10)]
    made = await asyncio.gather(
        *(two[n % 2].create(row, no_checkpoint, "key", "body") for n, row in enumerate(rows))
    )
    assert len(set(made)) == 1
    rows, _more = await two[0].catalogue.list_page(20)
    assert [row.id for row in rows] == [made[0]]


async def test_rows_of_two_processes_have_numbers_of_their_own(
    two: tuple[Storage, Storage],
) -> None:
    await asyncio.gather(*(add(two[n % 2], str(n)) for n in range(40)))
    seen, before = [], None
    while True:
        rows, before = await two[0].catalogue.list_page(7, before)
        seen += [row.id for row in rows]
        if before is None:
            break
    assert sorted(seen, key=int) == [str(n) for n in range(40)]


async def test_text_with_nul_is_stored_with_a_sign_in_its_place(
    two: tuple[Storage, Storage],
) -> None:
    await add(two[0], "0", client_id="a\0b", scenario={"user_prompt": "a\0b"})
    row = await two[1].catalogue.get("0")
    assert (row.client_id, row.scenario) == ("a�b", {"user_prompt": "a\0b"})

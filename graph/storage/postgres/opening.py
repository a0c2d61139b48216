"""A Postgres database, open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from graph.storage.opening import Storage
from graph.storage.postgres.checkpoints import PostgresCheckpoints
from graph.storage.postgres.connections import storage_error
from graph.storage.postgres.database import PostgresDatabase
from graph.storage.postgres.migrate import prepare_database
from graph.storage.postgres.owners import PostgresOwner
from graph.storage.sql.fences import Fences


def prepare_postgres(url: str) -> None:
    prepare_database(url)


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[Storage]:
    """The storage at `url`. Raises `ConfigError`, `NewerDatabase` and `StorageError`."""
    database = PostgresDatabase(url)
    await database.open()
    owner = PostgresOwner(url)
    fences = Fences(owner)
    try:
        try:
            await asyncio.to_thread(owner.begin)
        except psycopg.Error as error:
            raise storage_error(error, database.name) from error
        yield await Storage.assemble(database, PostgresCheckpoints(database, fences), fences)
    finally:
        await database.close()
        await asyncio.to_thread(owner.end)

"""Where conversations are kept, by URL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from core.errors import ConfigError, StorageError
from graph.storage.conversation import Conversation
from graph.storage.sql.catalogue import SqliteCatalogue
from graph.storage.sql.deliveries import Deliveries
from graph.storage.sql.experiments import Experiments
from graph.storage.sql.fences import Fences
from graph.storage.sql.labels import Labels
from graph.storage.sql.trials import Trials
from graph.storage.sqlite.checkpoints import SqliteCheckpoints
from graph.storage.sqlite.database import Database, prepare_file
from graph.storage.sqlite.owners import Owner

PROBE_BYTES = 65_536
_PROBE = "INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))"


@dataclass(frozen=True, slots=True)
class Storage:
    """The open database: conversations, experiments, and this process as an owner of both."""

    database: Database
    checkpoints: SqliteCheckpoints
    catalogue: SqliteCatalogue
    experiments: Experiments
    trials: Trials
    labels: Labels
    deliveries: Deliveries
    owner: Owner
    identity: str

    async def create(
        self,
        row: Conversation,
        checkpoint: Callable[[], Awaitable[None]],
        key: str | None = None,
        body: str = "",
    ) -> str:
        """Stores a new conversation, and gives its id or the one that `key` stands for already.

        `checkpoint` writes its first state; that and the row are stored in one transaction. Raises
        `KeyReused` where the key came with another body.
        """
        with self.checkpoints.creating(row.id) as steps:
            await checkpoint()
            return await self.catalogue.add(row, key, body, steps)

    async def check(self) -> None:
        """Raises `StorageError` where the database cannot be read, or lately not be written."""
        if await _read_identity(self.database) != self.identity:
            raise StorageError("another database was copied over the one that is open: restart")
        if self.database.last_failure:
            # As much as a conversation may need: less may find room that is of no use.
            await self.database.execute_many(_PROBE, [(PROBE_BYTES,)])
            await self.database.execute_many("DELETE FROM meta WHERE name = 'probe'", [()])
            self.database.last_failure = None


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///` URL. Raises `ConfigError` for anything else."""
    scheme, mark, rest = url.partition(":///")
    if scheme != "sqlite" or not mark or not rest:
        raise ConfigError(
            "is not a database URL that Duologue knows; use sqlite:///FILE",
            file="environment",
            key="DUOLOGUE_DATABASE_URL",
        )
    return Path(rest).expanduser()


def prepare_storage(url: str) -> None:
    """Creates the database where there is none and migrates an older one.

    `open_storage` does so too; a server does it before it starts, so that what keeps it from
    starting is one error. Raises `ConfigError`, `NewerDatabase`, `StorageError`.
    """
    prepare_file(resolved_path(url))


def resolved_path(url: str) -> Path:
    """`sqlite_path` without links: all spellings of one file are one database."""
    return sqlite_path(url).resolve()


async def _read_identity(database: Database) -> str:
    ((identity,),) = await database.read("SELECT value FROM meta WHERE name = 'identity'")
    return str(identity)


@asynccontextmanager
async def open_storage(url: str) -> AsyncIterator[Storage]:
    """The storage at `url`; created where it does not exist. Raises `StorageError`."""
    path = resolved_path(url)
    database = Database(path)
    await database.open()
    owner = Owner(path)
    fences = Fences(owner)
    try:
        await asyncio.to_thread(owner.begin)
        async with aiosqlite.connect(path) as reader:
            await reader.execute("PRAGMA query_only=ON")
            yield Storage(
                database=database,
                checkpoints=SqliteCheckpoints(database, reader, fences),
                catalogue=SqliteCatalogue(database, fences),
                experiments=Experiments(database),
                trials=Trials(database),
                labels=Labels(database),
                deliveries=Deliveries(database),
                owner=owner,
                identity=await _read_identity(database),
            )
    finally:
        await database.close()
        await asyncio.to_thread(owner.end)

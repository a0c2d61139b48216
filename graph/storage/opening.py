"""Where conversations are kept, by URL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import aiosqlite

from core.errors import ConfigError, StorageError
from graph.storage.conversation import Conversation
from graph.storage.port import OwnerOfRuns
from graph.storage.sql.catalogue import SqlCatalogue
from graph.storage.sql.checkpoints import SteppedCheckpoints
from graph.storage.sql.deliveries import Deliveries
from graph.storage.sql.experiments import Experiments
from graph.storage.sql.fences import Fences
from graph.storage.sql.labels import Labels
from graph.storage.sql.statements import Database
from graph.storage.sql.trials import Trials
from graph.storage.sqlite.checkpoints import SqliteCheckpoints
from graph.storage.sqlite.database import Database as SqliteDatabase
from graph.storage.sqlite.database import prepare_file
from graph.storage.sqlite.owners import Owner

POSTGRES = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class Storage:
    """The open database: conversations, experiments, and this process as an owner of both."""

    database: Database
    checkpoints: SteppedCheckpoints
    catalogue: SqlCatalogue
    experiments: Experiments
    trials: Trials
    labels: Labels
    deliveries: Deliveries
    owner: OwnerOfRuns
    identity: str

    @classmethod
    async def assemble(
        cls, database: Database, checkpoints: SteppedCheckpoints, fences: Fences
    ) -> "Storage":
        """Everything that is kept in `database`, which is open."""
        return cls(
            database=database,
            checkpoints=checkpoints,
            catalogue=SqlCatalogue(database, fences),
            experiments=Experiments(database),
            trials=Trials(database),
            labels=Labels(database),
            deliveries=Deliveries(database),
            owner=fences.owner,
            identity=await _read_identity(database),
        )

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
        await self.database.probe()


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///` URL. Raises `ConfigError` for anything else."""
    scheme, mark, rest = url.partition(":///")
    if scheme != "sqlite" or not mark or not rest:
        raise ConfigError(
            "is not a database URL that Duologue knows; use sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE",
            file="environment",
            key="DUOLOGUE_DATABASE_URL",
        )
    return Path(rest).expanduser()


def is_postgres(url: str) -> bool:
    return url.partition("://")[0] in POSTGRES


def prepare_storage(url: str) -> None:
    """Creates the database where there is none and migrates an older one.

    `open_storage` does so too; a server does it before it starts, so that what keeps it from
    starting is one error. Raises `ConfigError`, `NewerDatabase`, `StorageError`.
    """
    if is_postgres(url):
        _import_postgres().prepare_postgres(url)
    else:
        prepare_file(resolved_path(url))


def database_exists(url: str) -> bool:
    """Whether there is something to read. A Postgres server is asked when it is opened."""
    return is_postgres(url) or sqlite_path(url).exists()


def resolved_path(url: str) -> Path:
    """`sqlite_path` without links: all spellings of one file are one database."""
    return sqlite_path(url).resolve()


def file_beside(url: str, suffix: str) -> Path:
    """A file of this machine that goes with the database; with Postgres in the working folder."""
    path = Path("duologue.db").resolve() if is_postgres(url) else resolved_path(url)
    return path.with_name(path.name + suffix)


def _import_postgres() -> Any:
    """Raises `ConfigError` where the extra is not installed."""
    try:
        return import_module("graph.storage.postgres.opening")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("graph"):
            raise
        raise ConfigError(
            f"Postgres needs the extra `postgres` ({error.name} is missing): "
            "pip install 'duologue[postgres]', or in a checkout "
            ".venv/bin/pip install -e '.[postgres]'",
            file="environment",
            key="DUOLOGUE_DATABASE_URL",
        ) from error


async def _read_identity(database: Database) -> str:
    ((identity,),) = await database.read("SELECT value FROM meta WHERE name = 'identity'")
    return str(identity)


@asynccontextmanager
async def open_storage(url: str) -> AsyncIterator[Storage]:
    """The storage at `url`; created where it does not exist. Raises `StorageError`."""
    open_database = _import_postgres().open_postgres if is_postgres(url) else _open_sqlite
    async with open_database(url) as storage:
        yield storage


@asynccontextmanager
async def _open_sqlite(url: str) -> AsyncIterator[Storage]:
    path = resolved_path(url)
    database = SqliteDatabase(path)
    await database.open()
    owner = Owner(path)
    fences = Fences(owner)
    try:
        await asyncio.to_thread(owner.begin)
        async with aiosqlite.connect(path) as reader:
            await reader.execute("PRAGMA query_only=ON")
            checkpoints = SqliteCheckpoints(database, reader, fences)
            yield await Storage.assemble(database, checkpoints, fences)
    finally:
        await database.close()
        await asyncio.to_thread(owner.end)

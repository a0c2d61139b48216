"""Where conversations are kept, by URL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from core.errors import ConfigError
from graph.storage.sqlite.catalogue import Catalogue
from graph.storage.sqlite.checkpoints import Checkpoints
from graph.storage.sqlite.database import Database, prepare_file
from graph.storage.sqlite.experiments import Experiments
from graph.storage.sqlite.labels import Labels
from graph.storage.sqlite.owners import Owner
from graph.storage.sqlite.trials import Trials

_TOUCH = """UPDATE conversations SET updated_at = updated_at
    WHERE id = (SELECT id FROM conversations LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class Storage:
    """The open database: conversations, experiments, and this process as an owner of both."""

    database: Database
    checkpoints: Checkpoints
    catalogue: Catalogue
    experiments: Experiments
    trials: Trials
    labels: Labels
    owner: Owner

    async def check(self) -> None:
        """Raises `StorageError` where the database cannot be read, or lately not be written."""
        await self.database.read("SELECT 1")
        if self.database.last_failure:
            await self.database.execute_many(_TOUCH, [()])


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
    prepare_file(sqlite_path(url).absolute())


@asynccontextmanager
async def open_storage(url: str) -> AsyncIterator[Storage]:
    """The storage at `url`; created where it does not exist. Raises `StorageError`."""
    path = sqlite_path(url).absolute()
    database = Database(path)
    await database.open()
    owner = Owner(path)
    try:
        await asyncio.to_thread(owner.begin)
        async with aiosqlite.connect(path) as reader:
            await reader.execute("PRAGMA query_only=ON")
            saver = Checkpoints(database, reader)
            yield Storage(
                database=database,
                checkpoints=saver,
                catalogue=Catalogue(database),
                experiments=Experiments(database),
                trials=Trials(database),
                labels=Labels(database),
                owner=owner,
            )
    finally:
        await database.close()
        await asyncio.to_thread(owner.end)

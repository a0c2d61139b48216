"""The database's version: numbered SQL files, applied in order, each in one transaction.

A change of the schema is a new file `<number>_<what>.sql` in the folder of each kind of database,
with the next free number. Files that were released are never edited: databases out there have
run them.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import NewerDatabase

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from version `number - 1` to version `number`."""

    number: int
    name: str
    sql: str


@cache
def read_migrations(kind: str) -> tuple[Migration, ...]:
    """The migrations of `kind` ("sqlite", "postgres"), numbered 1, 2, 3 … without a gap."""
    folder = Path(__file__).with_name(kind)
    files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    found = tuple(
        Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8")) for path in files
    )
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the numbers of {folder.name}'s migrations have a gap or a duplicate")
    return found


def pending_migrations(
    migrations: tuple[Migration, ...], version: int, database: str
) -> tuple[Migration, ...]:
    """What a database of `version` lacks. Raises `NewerDatabase` if it is ahead of this program."""
    if version > len(migrations):
        raise NewerDatabase(
            f"the database {database} has version {version}, and this Duologue knows versions up "
            f"to {len(migrations)}: use the newer Duologue that wrote it, or another database"
        )
    return migrations[version:]

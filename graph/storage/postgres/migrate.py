"""Brings one Postgres database to the version of this program."""

from contextlib import closing

import psycopg

from core.errors import StorageError
from graph.storage.migrations import Migration, pending_migrations, read_migrations
from graph.storage.postgres.connections import Raw, connect, describe_url, storage_error

_LOCK = 0x64756F6C6F677565
"""Only one process migrates at a time, also while there is no table yet."""


def prepare_database(url: str, migrations: tuple[Migration, ...] | None = None) -> int:
    """Applies what the database lacks, and returns its version.

    A process that dies in the middle leaves it as it was after the last whole migration. Raises
    `ConfigError`, `NewerDatabase` and `StorageError`.
    """
    known = read_migrations("postgres") if migrations is None else migrations
    name = describe_url(url)
    try:
        with closing(connect(url)) as raw:
            while _apply_next(raw, name, known):
                pass
            return len(known)
    except psycopg.errors.DuplicateTable as error:
        raise StorageError(
            f"the database {name} has tables of another program: give Duologue a database of its "
            "own (createdb duologue)"
        ) from error
    except psycopg.Error as error:
        raise storage_error(error, name) from error


def _apply_next(raw: Raw, name: str, known: tuple[Migration, ...]) -> bool:
    """Whether there was one to apply."""
    with raw.transaction():
        raw.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        version = _read_version(raw)
        for migration in pending_migrations(known, version, name)[:1]:
            raw.execute(migration.sql.encode())
            raw.execute("UPDATE duologue_schema SET version = %s", [migration.number])
            return True
    return False


def _read_version(raw: Raw) -> int:
    (there,) = raw.execute("SELECT to_regclass('duologue_schema')").fetchone() or (None,)
    if there is None:
        raw.execute("CREATE TABLE duologue_schema (version INTEGER NOT NULL)")
        raw.execute("INSERT INTO duologue_schema VALUES (0)")
    (version,) = raw.execute("SELECT version FROM duologue_schema").fetchone() or (0,)
    return int(version)

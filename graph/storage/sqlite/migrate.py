"""Brings one SQLite file to the version of this program; the version is `PRAGMA user_version`."""

import re
import sqlite3
from collections.abc import Iterator

from graph.storage.migrations import Migration, pending_migrations, read_migrations


def migrate(
    connection: sqlite3.Connection, name: str, migrations: tuple[Migration, ...] | None = None
) -> int:
    """Applies what the file lacks, and returns its version; an up-to-date file is only read.

    The connection must be in autocommit mode. A process that dies in the middle leaves the file as
    it was after the last whole migration. Raises `NewerDatabase` and `sqlite3.Error`.
    """
    known = read_migrations("sqlite") if migrations is None else migrations
    while pending_migrations(known, version := _version(connection), name):
        _apply_next(connection, name, known)
    return version


def _apply_next(connection: sqlite3.Connection, name: str, known: tuple[Migration, ...]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again under the lock: another process may have migrated meanwhile.
        for migration in pending_migrations(known, _version(connection), name)[:1]:
            for statement in split_statements(migration.sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {migration.number:d}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # not committed: something was raised
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def split_statements(sql: str) -> Iterator[str]:
    """The statements of a script. (`executescript` would commit before the first.)"""
    statement = ""
    for part in re.split(r"(?<=;)", sql):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement

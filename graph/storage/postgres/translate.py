"""The statements of `graph.storage.sql` as Postgres takes them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import psycopg

from graph.storage.sql.statements import Rows, Values

_MARKS = re.compile(r"\?|(?<!:):([a-z_]\w*)|/\*(FOR UPDATE[A-Z ]*)\*/|('[^']*')|%")
NUL, SHOWN_NUL = "\0", "�"


@cache
def to_postgres(sql: str) -> str:
    """`?` and `:name` become psycopg's marks, the comments of locks become locks.

    What stands in quotes stays.
    """
    return _MARKS.sub(_replace_mark, sql)


def _replace_mark(found: re.Match[str]) -> str:
    name, lock, quoted = found.groups()
    if quoted:
        return quoted.replace("%", "%%")
    if name:
        return f"%({name})s"
    return lock or ("%%" if found[0] == "%" else "%s")


def bind(values: Values) -> Values:
    """Text as Postgres can hold it: it knows no NUL, which is shown as U+FFFD."""
    if isinstance(values, Mapping):
        return {name: _bind_one(value) for name, value in values.items()}
    return [_bind_one(value) for value in values]


def _bind_one(value: Any) -> Any:
    if isinstance(value, str):
        value = str(value)  # psycopg knows no enums of ours
        return value.replace(NUL, SHOWN_NUL) if NUL in value else value
    return value


class PostgresConnection:
    """A psycopg connection that takes the statements of `graph.storage.sql`."""

    def __init__(self, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.raw = raw

    def execute(self, sql: str, values: Values = (), /) -> "ReadCursor":
        # psycopg prepares what is executed often by itself.
        return ReadCursor(self.raw.execute(to_postgres(sql).encode(), bind(values)))

    def executemany(self, sql: str, rows: Rows, /) -> None:
        statement = to_postgres(sql).encode()
        if len(rows) == 1:
            self.raw.execute(statement, bind(rows[0]))
        elif rows:
            with self.raw.cursor() as cursor:
                cursor.executemany(statement, [bind(row) for row in rows])


class ReadCursor:
    """A result; unlike psycopg's it may be asked for rows where a statement gives none."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def fetchone(self) -> Any:
        return self._cursor.fetchone() if self._cursor.description else None

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall() if self._cursor.description else []

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


def as_rows(found: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(found)

"""The rows of a query as passages; the database is only read, and for a limited time."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from nodes.knowledge.passages import Passage, Unreadable, split_text

SQLITE = "sqlite:///"
LOCKED_S = 5.0
"""So long a database that somebody else has locked is waited for."""
_AT_ONCE = 1000
_STEPS = 10_000
NO_PSYCOPG = (
    "Postgres needs the extra `postgres`: pip install 'duologue[postgres]', or in a checkout "
    ".venv/bin/pip install -e '.[postgres]'"
)


def read_rows(url: str, query: str, timeout_s: float = 30.0) -> Iterator[Passage]:
    """A passage a row. Raises `Unreadable`, without what is secret in the URL."""
    if url.startswith(SQLITE):
        yield from _read_sqlite(Path(url.removeprefix(SQLITE)), query, timeout_s)
    else:
        yield from _read_postgres(url, query, timeout_s)


def _read_sqlite(file: Path, query: str, timeout_s: float) -> Iterator[Passage]:
    deadline = monotonic() + timeout_s
    try:
        place = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=LOCKED_S)) as database:
            database.execute("PRAGMA query_only=ON")
            database.set_progress_handler(lambda: monotonic() > deadline, _STEPS)
            rows = database.execute(query)
            yield from describe_rows(_name_columns(rows.description), rows, file.name)
    except sqlite3.Error as error:
        late = f"the query took more than {timeout_s:g} s" if monotonic() > deadline else error
        raise Unreadable(f"{file.name}: {late}") from error


def _read_postgres(url: str, query: str, timeout_s: float) -> Iterator[Passage]:
    psycopg = import_psycopg()
    name = describe_database(url)
    try:
        with closing(psycopg.connect(url, connect_timeout=5)) as database:
            database.read_only = True
            database.execute("SET default_transaction_read_only = on")
            database.execute(f"SET statement_timeout = {int(1000 * timeout_s)}")
            database.commit()
            with database.cursor(name="knowledge") as rows:
                rows.itersize = _AT_ONCE
                rows.execute(query)
                yield from describe_rows(_name_columns(rows.description), rows, name)
    except psycopg.Error as error:
        lines = str(error).strip().splitlines()
        raise Unreadable(f"{name}: {lines[0] if lines else type(error).__name__}") from None


def import_psycopg() -> Any:
    """Raises `Unreadable`, which names the extra that is missing."""
    try:
        return import_module("psycopg")
    except ImportError:
        raise Unreadable(NO_PSYCOPG) from None


def describe_database(url: str) -> str:
    """The name of a Postgres database, without user and password. Raises `Unreadable`."""
    psycopg = import_psycopg()
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        said = "sql.url is not a URL of a Postgres database; use postgresql://USER@HOST/DATABASE"
        raise Unreadable(said) from None
    return str(given.get("dbname") or "postgres")


def _name_columns(description: Sequence[Any] | None) -> list[str]:
    return [str(column[0]) for column in description or ()]


def describe_rows(header: list[str], rows: Iterable[Any], name: str) -> Iterator[Passage]:
    """`column: value` a line, without what is empty or no text; `page` is the row, from 1."""
    for number, row in enumerate(rows, 1):
        pairs = zip(header, row, strict=False)
        told = [f"{title}: {value}" for title, value in pairs if _says_something(value)]
        yield from split_text("\n".join(told), name, number)


def _says_something(value: object) -> bool:
    return value not in (None, "") and not isinstance(value, bytes | memoryview)

"""Connections to Postgres as all of ours are, and what its errors are to a user."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.errors import ConfigError, StorageError, StorageFull

Raw = psycopg.Connection[tuple[Any, ...]]
_DEFAULTS: dict[str, Any] = {
    "application_name": "duologue",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What the URL says goes before. A connection that drops silently is noticed after some 11 s."""
_SESSION = """SELECT set_config(name, value, false) FROM (VALUES
    ('idle_in_transaction_session_timeout', '10s'), ('lock_timeout', '15s'),
    ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
    ('default_transaction_read_only', %s), ('client_min_messages', 'warning')
    ) AS settings (name, value)"""
"""A process that is frozen in the middle of a transaction must not hold its locks for ever."""


def connect(url: str, *, autocommit: bool = False, read_only: bool = False) -> Raw:
    """Raises `psycopg.Error`."""
    raw = psycopg.connect(_conninfo(url), autocommit=True)
    raw.execute(_SESSION, ["on" if read_only else "off"])
    raw.autocommit = autocommit
    return raw


def _conninfo(url: str) -> str:
    given = conninfo_to_dict(url)
    return make_conninfo(url, **{name: v for name, v in _DEFAULTS.items() if name not in given})


def describe_url(url: str) -> str:
    """Host and database, without user and password. Raises `ConfigError`."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            "is not a URL of a Postgres database; use postgresql://USER@HOST/DATABASE",
            file="environment",
            key="DUOLOGUE_DATABASE_URL",
        ) from error
    return f"{given.get('dbname') or 'postgres'} at {given.get('host') or 'localhost'}"


def storage_error(error: Exception, name: str) -> StorageError:
    """What Postgres or the network said, as ours."""
    full = isinstance(error, psycopg.errors.DiskFull)
    text = str(error).strip().splitlines()
    hint = "the disk is full" if full else f"the database {name} failed"
    return (StorageFull if full else StorageError)(f"{hint}: {text[0] if text else type(error)}")


def is_lost(error: Exception, raw: Raw | None) -> bool:
    """Whether the connection is gone, so that another one may have more luck."""
    return isinstance(error, psycopg.OperationalError) and (raw is None or raw.closed)

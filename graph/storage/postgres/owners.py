"""Which process drives a conversation: an owner lives as long as it holds its advisory lock.

The lock belongs to a session of Postgres, on a connection that does nothing else. The system closes
that with the process, however it ends, and Postgres frees the lock at once.
"""

import os
import re
import select
import threading
from contextlib import suppress
from uuid import uuid4

import psycopg

from graph.storage.postgres.connections import Raw, connect

_ID = re.compile(r"[0-9a-f]{32}")
RETRY_S = 0.1
_IS_HELD = """SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND classid = (%(key)s::bigint >> 32)::bigint::oid
    AND objid = (%(key)s::bigint & 4294967295)::bigint::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class PostgresOwner:
    """This process, as the owner of the runs it drives."""

    def __init__(self, url: str) -> None:
        self.id = uuid4().hex
        self._url = url
        self._asking: Raw | None = None
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Locks, and keeps the lock. Raises `psycopg.Error`."""
        self._wake, self._wakes = os.pipe()
        raw = self._lock()
        self._thread = threading.Thread(
            target=self._hold, args=(raw,), name="duologue-owner", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Unlocks."""
        if self._thread is None:
            return
        self._ended.set()
        os.write(self._wakes, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._wake)
        os.close(self._wakes)
        with self._guard:
            if self._asking is not None:
                self._asking.close()

    def is_alive(self, owner: str) -> bool:
        """Whether that owner's process still runs; yes while nobody can be asked."""
        if owner == self.id:
            return self._thread is not None
        if not _ID.fullmatch(owner):
            return False
        with self._guard:
            try:
                return self._is_held(_key_of(owner))
            except psycopg.Error:
                return True  # what cannot be known is no reason to take anything over

    def _is_held(self, key: int) -> bool:
        if self._asking is None or self._asking.closed:
            self._asking = connect(self._url, autocommit=True, read_only=True)
        return self._asking.execute(_IS_HELD, {"key": key}).fetchone() is not None

    def _lock(self) -> Raw:
        raw = connect(self._url, autocommit=True)
        while raw.execute("SELECT pg_try_advisory_lock(%s)", [_key_of(self.id)]).fetchone() != (
            True,
        ):  # the session before this one is not gone yet
            if self._ended.wait(RETRY_S):
                break
        return raw

    def _hold(self, raw: Raw | None) -> None:
        """Waits at the lock's connection and, where that is lost, locks again on another."""
        while not self._ended.is_set():
            if raw is None:
                with suppress(psycopg.Error):
                    raw = self._lock()
                if raw is None:
                    self._ended.wait(RETRY_S)
                continue
            select.select([raw.fileno(), self._wake], [], [])
            try:
                raw.execute("SELECT 1")
            except psycopg.Error:
                raw.close()
                raw = None
        if raw is not None:
            with suppress(psycopg.Error):  # the session may outlive its connection by a moment
                raw.execute("SELECT pg_advisory_unlock(%s)", [_key_of(self.id)])
            raw.close()


def _key_of(owner: str) -> int:
    return int(owner[:15], 16)

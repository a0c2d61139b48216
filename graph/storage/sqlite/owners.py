"""Which process drives a conversation: an owner lives as long as it holds its lock.

The lock is on one byte of the database file itself, far beyond its end, so it goes where the file
goes: two spellings of a path share it, and it cannot be deleted. The system frees it with the
process, however that ends; a pid could be reused.
"""

import fcntl
import os
import re
import struct
from pathlib import Path
from uuid import uuid4

from graph.storage.sqlite.handles import Handle, hold_handle, release_handle

_ID = re.compile(r"[0-9a-f]{32}")
_FAR = 2**62
_FLOCK = "hhqqi4x"


class Owner:
    """This process, as the owner of the runs it drives."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.id = uuid4().hex
        self._file: Handle | None = None

    def begin(self) -> None:
        """Locks; the database's file must be there. Raises `OSError`."""
        self._file = file = hold_handle(self._database)
        file.owners.add(self.id)
        _lock(file.number, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, self.id)

    def end(self) -> None:
        """Unlocks; the connections to the database must be closed by now."""
        if self._file is None:
            return
        file, self._file = self._file, None
        _lock(file.number, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, self.id)
        file.owners.discard(self.id)
        release_handle(file)

    def is_alive(self, owner: str) -> bool:
        """Whether that owner's process still runs."""
        if self._file is None or not _ID.fullmatch(owner):
            return False
        if owner in self._file.owners:
            return True
        return _lock(self._file.number, fcntl.F_OFD_GETLK, fcntl.F_WRLCK, owner) != fcntl.F_UNLCK


def _lock(handle: int, command: int, kind: int, owner: str) -> int:
    """Sets, frees or looks up the lock on the owner's byte; the kind of lock that is there."""
    place = _FAR + int(owner[:15], 16)
    asked = struct.pack(_FLOCK, kind, os.SEEK_SET, place, 1, 0)
    return int(struct.unpack(_FLOCK, fcntl.fcntl(handle, command, asked))[0])

"""The one handle of this process on a database file, beside SQLite's own.

Closing any handle of a file drops all classic locks that the process has on it, those of SQLite
too. So everything of ours that needs the file itself shares a handle, and it is closed after their
connections.
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True, eq=False)
class Handle:
    """`number` is the file descriptor; `owners` are those of this process that hold a lock."""

    number: int
    users: int = 0
    owners: set[str] = field(default_factory=set)


_handles: dict[tuple[int, int], Handle] = {}
_guard = threading.Lock()


def hold_handle(path: Path) -> Handle:
    """The handle of the file, which must be there. Raises `OSError`."""
    with _guard:
        found = path.stat()
        handle = _handles.get((found.st_dev, found.st_ino))
        if handle is None:
            handle = Handle(os.open(path, os.O_RDWR | os.O_CLOEXEC))
            _handles[found.st_dev, found.st_ino] = handle
        handle.users += 1
        return handle


def release_handle(handle: Handle) -> None:
    """To be called once for each `hold_handle`, when one's own connections are closed."""
    with _guard:
        handle.users -= 1
        if handle.users == 0:
            os.close(handle.number)
            for key in [key for key, one in _handles.items() if one is handle]:
                del _handles[key]

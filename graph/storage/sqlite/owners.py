"""Which process drives a conversation: an owner lives as long as it holds its lock file.

The lock is the system's, so it goes with the process, however that ends; a pid could be reused.
"""

import errno
import fcntl
import os
from pathlib import Path
from uuid import uuid4


class Owner:
    """This process, as the owner of the runs it drives."""

    def __init__(self, database: Path) -> None:
        self._folder = database.with_name(f"{database.name}.owners")
        self.id = uuid4().hex
        self._handle: int | None = None

    def begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self._folder / self.id, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def end(self) -> None:
        if self._handle is None:
            return
        (self._folder / self.id).unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = None
        try:
            self._folder.rmdir()
        except OSError:
            return  # other owners are there

    def is_alive(self, owner: str) -> bool:
        """Whether that owner's process still runs. A dead one's file is taken away."""
        if owner == self.id:
            return True
        path = self._folder / Path(owner).name
        try:
            handle = os.open(path, os.O_RDWR)
        except OSError as error:
            # Where no more files may be opened, nothing is known of the other process.
            return error.errno in (errno.EMFILE, errno.ENFILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(handle)

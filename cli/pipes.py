"""Standard output where nobody reads it any more, as behind `| head`."""

import os
import sys
from contextlib import suppress


def write_nowhere() -> None:
    """What is still buffered for a closed pipe would make Python complain at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

"""A process whose wall clock is wrong, by libfaketime."""

import shutil
from pathlib import Path


def has_faketime() -> bool:
    return shutil.which("faketime") is not None


def set_clock(shift: str) -> dict[str, str]:
    """The environment of a process whose wall clock is off by `shift`, such as "-1h"."""
    assert has_faketime(), "faketime is not installed (Debian: apt-get install faketime)"
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        # Else threads that wait for each other spin, and everything is ten times slower.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }

"""Checkpoint ids and channel versions that stay in order: by what came before, not by the clock.

LangGraph's ids are UUIDs that begin with the time, and "the latest checkpoint" is the greatest id,
for its own savers as for ours. Its generator never goes back within a process. Here it learns, of
each thread that is read, how far that thread has come, so that a process whose clock is behind
still makes a greater id.
"""

from typing import Any
from uuid import UUID

from langgraph.checkpoint.base import id as generator

_SHORT = 10_000
_LAST = "_last_v6_timestamp"
"""Private to the library, and without a setter; our tests tell if it goes."""


def continue_after(latest: str) -> None:
    """From now on new ids are greater than `latest`, whatever the clock says."""
    moment = _time_of(latest)
    if moment is not None and moment > (getattr(generator, _LAST) or 0):
        setattr(generator, _LAST, moment)


def _time_of(id: str) -> int | None:
    try:
        parsed = UUID(id)
    except ValueError:
        return None  # another program's, and then it is no UUID
    return generator.UUID(int=parsed.int).time if parsed.version == 6 else None


def next_version(current: str | int | None) -> str:
    """The version of a channel after `current`.

    LangGraph's SQLite saver counts in 32 digits and sorts versions as text. Ours are short, and
    the blank makes them sort before its own: " 0012" < "00000000000000000000000000000013.…". It
    reads them as numbers and goes on in its form; from then on so do we.
    """
    number = 1 if current is None else int(str(current).split(".", maxsplit=1)[0]) + 1
    short = number < _SHORT and (current is None or str(current).startswith(" "))
    return f" {number:04}" if short else f"{number:032}"


def versions_as_text(checkpoint: Any) -> None:
    """Numbers, which the first release wrote as versions, become text: the two do not compare."""
    for versions in (checkpoint["channel_versions"], *checkpoint["versions_seen"].values()):
        for channel, version in versions.items():
            if isinstance(version, int):
                versions[channel] = next_version(f" {version - 1:04}")

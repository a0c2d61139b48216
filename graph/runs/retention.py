"""Old conversations are deleted after `DUOLOGUE_KEEP_DAYS`, unless the clock may be wrong.

A wrong clock must delete nothing. So the time is compared with the time at which a server of this
database last looked at its clock; where the two are too far apart, nothing is deleted until a
person says that the clock is right.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.errors import DuologueError
from core.message import to_timestamp
from core.settings import Settings
from graph.runs.service import RunService

FIRST_LOOK_S = 2.0
LOOK_EVERY_S = 600.0
NEXT_BATCH_S = 2.0
BATCH = 100
"""So many are deleted at once; then other work has its turn."""
BEHIND = timedelta(hours=1)
LONGEST_PAUSE = timedelta(days=7)
"""So far ahead of the last look the time may be: the server was off meanwhile."""
CHECKED_FOR = timedelta(days=2)
log = logging.getLogger("duologue.retention")
audit = logging.getLogger("duologue.audit")


class Retention:
    """Deletes what has not changed for `keep_days`, a few at a time; 0 keeps everything."""

    def __init__(self, runs: RunService[Any], settings: Settings) -> None:
        self._runs = runs
        self._days = settings.keep_days
        self._clock_checked = settings.clock_checked
        self.last_look: str | None = None
        """What the clock said when it was last believed, or when anything was last stored."""
        self.trouble: str | None = None
        """Why nothing is deleted at present."""

    @property
    def state(self) -> str:
        """For /health: `off`, `on`, or why nothing is deleted."""
        if not self._days:
            return "off"
        return f"paused: {self.trouble}" if self.trouble else "on"

    async def keep_looking(self) -> None:
        """Looks for damaged rows too, so that /health names them before somebody meets them."""
        wait = FIRST_LOOK_S
        while True:
            await asyncio.sleep(wait)
            try:
                await self._runs.storage.catalogue.find_damaged()
                wait = NEXT_BATCH_S if await self.delete_old() else LOOK_EVERY_S
            except DuologueError as why:
                log.warning("retention failed", extra={"why": why.message})
                wait = LOOK_EVERY_S

    async def delete_old(self, now: datetime | None = None) -> bool:
        """Deletes one batch; tells whether there may be more. Raises `StorageError`."""
        now = now or datetime.now(UTC)
        self._report(find_clock_trouble(now, self.last_look, self._days, self._clock_checked))
        if self.trouble:
            return False
        catalogue = self._runs.storage.catalogue
        self.last_look = to_timestamp(now)
        await catalogue.store_last_look(self.last_look)
        if not self._days:
            return False
        before = to_timestamp(now - timedelta(days=self._days))
        ids = await catalogue.list_expired(before, self.last_look, BATCH)
        for id in ids:
            await self._expire(id, before)
        return len(ids) == BATCH

    async def _expire(self, id: str, before: str) -> None:
        async with self._runs.slots.hold(id) as slot:
            row = None if slot.is_taken else await self._runs.storage.catalogue.expire(id, before)
        if row is None:  # somebody did something with it meanwhile
            return
        await self._runs.speakers.forget(row.bot_id, id)
        self._runs.views.forget(id)
        facts = {"key": "retention", "method": "DELETE", "path": f"/api/conversations/{id}"}
        audit.info("audit", extra={**facts, "last_change": row.updated_at})

    def _report(self, trouble: str | None) -> None:
        if trouble and not self.trouble and self._days:
            log.error("retention paused", extra={"why": trouble})
        self.trouble = trouble


def find_clock_trouble(
    now: datetime, last_look: str | None, keep_days: int, checked: date | None
) -> str | None:
    """Why the clock cannot be believed; None where it can, as far as anybody knows.

    The server may have been off since the last look, but not for half of `keep_days`: a clock that
    is wrong by that much would delete too much.
    """
    if last_look is None or (checked and abs(now.date() - checked) <= CHECKED_FOR):
        return None
    last = datetime.fromisoformat(last_look)
    half = timedelta(days=keep_days) / 2
    pause = min(LONGEST_PAUSE, max(timedelta(days=1), half)) if keep_days else LONGEST_PAUSE
    if now < last - BEHIND:
        side = "behind"
    elif now > last + pause:
        side = "ahead of"
    else:
        return None
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} UTC, far {side} {last:%Y-%m-%d %H:%M}, when it was "
        "last seen; if it is right, set DUOLOGUE_CLOCK_CHECKED to today's date and restart"
    )


@asynccontextmanager
async def open_retention(runs: RunService[Any], settings: Settings) -> AsyncIterator[Retention]:
    """Looks for old conversations as long as this is open.

    To be opened before anything is written: else what is written is taken for the clock's past.
    """
    retention = Retention(runs, settings)
    retention.last_look = await runs.storage.catalogue.read_last_look()
    looking = asyncio.ensure_future(retention.keep_looking())
    looking.add_done_callback(_report_death)
    try:
        yield retention
    finally:
        looking.cancel()


def _report_death(looking: "asyncio.Task[None]") -> None:
    if not looking.cancelled() and (error := looking.exception()):
        log.error("retention ended", exc_info=error)

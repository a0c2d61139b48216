"""How often a bot may be called: so many calls at once, so many a minute."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class CallLimits:
    """The places at one bot, in one process. Waiting for a place counts towards no time limit."""

    def __init__(self, max_concurrent: int | None, per_minute: float | None) -> None:
        self._places = asyncio.Semaphore(max_concurrent) if max_concurrent else None
        self._interval_s = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    @asynccontextmanager
    async def place(self, on_wait: Callable[[], None]) -> AsyncIterator[None]:
        """Holds a place during the block; `on_wait` is called where it is not free at once."""
        if self._places is None:
            await self._await_pace(on_wait)
            yield
            return
        if self._places.locked():
            on_wait()
        async with self._places:
            await self._await_pace(on_wait)
            yield

    async def _await_pace(self, on_wait: Callable[[], None]) -> None:
        if not self._interval_s:
            return
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._interval_s
        if mine > now:
            on_wait()
            await asyncio.sleep(mine - now)

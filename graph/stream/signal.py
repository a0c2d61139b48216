"""A signal that wakes whoever waits for it, once."""

import asyncio


class Signal:
    """Not an Event: nothing stays set, and without waiters it weighs next to nothing."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def watch(self) -> "asyncio.Future[None]":
        """Is done when the signal is sent next."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    async def wait(self, seconds: float) -> None:
        """Returns when the signal is sent, or after that time."""
        future = self.watch()
        await asyncio.wait([future], timeout=seconds)
        if future in self._waiting:
            self._waiting.remove(future)

    def forget_gone(self) -> None:
        """Drops those that wait no longer."""
        self._waiting = [waiting for waiting in self._waiting if not waiting.done()]

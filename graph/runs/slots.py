"""Who does what with which conversation of this process, and how many runs may be open at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

from core.errors import Busy, Conflict, DuologueError, Full
from graph.runs.run import Run

Place = tuple[str, asyncio.Future[None]]


class Slot:
    """One conversation of this process. Whoever starts, changes or stops it holds the lock."""

    __slots__ = ("holders", "is_starting", "lock", "run")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holders = 0
        self.is_starting = False
        self.run: Run | None = None

    @property
    def is_taken(self) -> bool:
        """Whether a run drives the conversation, or is about to."""
        return self.is_starting or self.run is not None


class Slots:
    """The conversations under way. A conversation is `in` it while a run has or takes it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots: dict[str, Slot] = {}
        self._permits = 0
        self._queue: deque[Place] = deque()

    def __contains__(self, id: object) -> bool:
        slot = self._slots.get(id)  # type: ignore[call-overload]
        return slot is not None and slot.is_taken

    def __len__(self) -> int:
        """How many runs are open."""
        return sum(slot.is_taken for slot in self._slots.values())

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    def get_run(self, id: str) -> Run | None:
        slot = self._slots.get(id)
        return None if slot is None else slot.run

    def iter_runs(self) -> Iterator[Run]:
        return (slot.run for slot in [*self._slots.values()] if slot.run is not None)

    @asynccontextmanager
    async def hold(self, id: str) -> AsyncIterator[Slot]:
        """The conversation's slot, for one at a time."""
        slot = self._slots.setdefault(id, Slot())
        slot.holders += 1
        try:
            async with slot.lock:
                yield slot
        finally:
            slot.holders -= 1
            self._drop_unused(id, slot)

    def release(self, id: str) -> None:
        """The conversation's run is over: the next that waits may begin."""
        slot = self._slots[id]
        slot.run = None
        self._drop_unused(id, slot)
        self.give_permit_back()

    def _drop_unused(self, id: str, slot: Slot) -> None:
        if not slot.holders and not slot.is_taken:
            del self._slots[id]

    # --- how many runs are open -----------------------------------------------------------------

    async def take_permit(self, id: str, *, wait: bool) -> bool:
        """Leave to open one more run; those that wait get it in the order in which they came.

        Tells whether it was waited for. Raises `Full` at the limit unless the caller wants to
        `wait`, and `Busy` where somebody waits for this conversation already.
        """
        if self._permits < self._limit:
            self._permits += 1
            return False
        if not wait:
            raise Full(f"{self._permits} runs are open, as many as are allowed")
        if any(waiting == id for waiting, _ in self._queue):
            raise Busy("the conversation waits for its run already", conversation_id=id)
        place = (id, asyncio.get_running_loop().create_future())
        self._queue.append(place)
        with ExitStack() as unless_given:
            unless_given.callback(self._leave_queue, place)
            await place[1]
            unless_given.pop_all()
        return True

    def _leave_queue(self, place: Place) -> None:
        if place in self._queue:
            self._queue.remove(place)
        elif place[1].done() and not place[1].cancelled() and not place[1].exception():
            self.give_permit_back()  # it was given to somebody who was cancelled meanwhile

    def give_permit_back(self) -> None:
        """A run ended, or came to nothing; whoever waits longest has the permit next."""
        while self._queue:
            _, future = self._queue.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._permits -= 1

    def cancel_waiting(self, id: str) -> None:
        """A run that waits for its turn is not wanted any more: its caller gets `Conflict`."""
        for place in [place for place in self._queue if place[0] == id]:
            self._refuse(place, Conflict("the conversation was stopped while its run waited"))

    def refuse_waiting(self, why: DuologueError) -> None:
        """Nobody who waits gets a turn."""
        for place in [*self._queue]:
            self._refuse(place, why)

    def _refuse(self, place: tuple[str, asyncio.Future[None]], why: DuologueError) -> None:
        self._queue.remove(place)
        if not place[1].done():
            place[1].set_exception(why)

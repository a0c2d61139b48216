"""The replays of a shrink: ordinary conversations under keys of their own, so that whoever shrinks
the same conversation again, after a stop or a kill, finds what was had and has only the rest.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID, uuid5

from core.ends import Status
from core.errors import DuologueError
from core.scenario import Scenario
from evaluation.conversations import Unfinished, drive
from evaluation.fingerprints import digest
from evaluation.shrink.failure import BrokenReplay, Examiner, Failure
from evaluation.shrink.search import Lines, Question
from graph.runs.service import RunService
from graph.storage.conversation import Conversation

T = TypeVar("T")
_NAMESPACE = UUID("6a0d0a52-3c76-4d0c-9c5b-0b2d7a3e1f58")
REPLAY_STOPPED = "a replay was stopped"


def name_shrink(conversation_id: str, name: str) -> str:
    """What the replays of a conversation for one failure belong to; it does not tell which."""
    return str(uuid5(_NAMESPACE, f"{conversation_id} {name}"))


class CapReached(Exception):
    """The next replay would take more calls of the bot than are allowed."""


@dataclass(slots=True)
class ReplayTally:
    """What a shrink has taken so far. `found` are replays that were there already, `lines` the
    shortest that failed, `failing` the replays that did, by their lines.
    """

    replays: int = 0
    calls: int = 0
    found: int = 0
    lines: Lines = ()
    failing: dict[Lines, str] = field(default_factory=dict)


@dataclass(slots=True)
class Replays:
    """Has replays, at most `at_once` of them, until `max_calls` calls of the bot."""

    runs: RunService
    failure: Failure
    examiner: Examiner
    max_calls: int
    at_once: int
    report: Callable[[ReplayTally], None] = lambda _: None
    halted: bool = False
    tally: ReplayTally = field(default_factory=ReplayTally)
    _passed: Counter[Lines] = field(default_factory=Counter)
    _failed: Counter[Lines] = field(default_factory=Counter)

    async def measure(self, lines: Lines, tries: int) -> int:
        """How often they fail in so many tries."""
        known = self._passed[lines] + self._failed[lines]
        await self._have_all([(lines, nth) for nth in range(known, tries)])
        return self._failed[lines]

    async def find_failing(self, question: Question) -> int | None:
        """The place of the first candidate that fails. Those of a window are had at once."""
        while True:
            for place, lines in enumerate(question.candidates):
                if self._failed[lines]:
                    return place
                if self._passed[lines] < question.tries:
                    break
            else:
                return None
            await self._have_all(self._plan_window(question))

    def _plan_window(self, question: Question) -> list[tuple[Lines, int]]:
        """The next tries, in the order of the candidates; none behind one that fails."""
        window: dict[tuple[Lines, int], None] = {}
        for lines in question.candidates:
            if self._failed[lines]:
                break
            for nth in range(self._passed[lines], question.tries):
                window[lines, nth] = None
                if len(window) == self.at_once:
                    return list(window)
        return list(window)

    async def _have_all(self, wanted: Sequence[tuple[Lines, int]]) -> None:
        for start in range(0, len(wanted), self.at_once):
            if self.halted:
                raise Unfinished
            some = wanted[start : start + self.at_once]
            await _gather([self._have(lines, nth) for lines, nth in some])

    async def _have(self, lines: Lines, nth: int) -> None:
        row = await self._replay(lines, nth)
        if await self.examiner.fails(row):
            self._failed[lines] += 1
            self._note_failing(lines, row.id)
        else:
            self._passed[lines] += 1
        self.report(self.tally)

    def _note_failing(self, lines: Lines, id: str) -> None:
        self.tally.failing.setdefault(lines, id)
        if not self.tally.lines or _size(lines) < _size(self.tally.lines):
            self.tally.lines = lines

    async def _replay(self, lines: Lines, nth: int) -> Conversation:
        """The conversation of these lines; one that has ended calls nobody."""
        ended = await self._find_ended(lines, nth)
        if ended is not None:
            self.tally.found += 1
            return ended
        if self.tally.calls + len(lines) > self.max_calls:
            raise CapReached
        self.tally.replays, self.tally.calls = self.tally.replays + 1, self.tally.calls + len(lines)
        id = await self._create(lines, nth)
        row = await self._get(id)
        if row.error or row.status is Status.STOPPED:
            await self._go_on(id)
        row = await drive(self.runs, id, self.failure.conversation.client_id)
        if row.status is Status.STOPPED:
            raise BrokenReplay(REPLAY_STOPPED)
        return row

    async def _find_ended(self, lines: Lines, nth: int) -> Conversation | None:
        """The replay, if it was had before and has ended as replays do."""
        id = await self.runs.storage.catalogue.find_by_key(*self._name(lines, nth))
        row = None if id is None else await self._get(id)
        if row is None or not (row.status is Status.COMPLETED or self._is_wanted(row)):
            return None
        return row

    def _is_wanted(self, row: Conversation) -> bool:
        """Whether it ended with the very error that is looked for."""
        return bool(row.error) and (row.error or {}).get("code") == self.failure.error

    async def _get(self, id: str) -> Conversation:
        return await self.runs.get(id, self.failure.conversation.client_id)

    async def _go_on(self, id: str) -> None:
        view = await self.runs.resume(id, wait=True)
        while view.is_driven_here:
            await view.changes.watch()

    def _name(self, lines: Lines, nth: int) -> tuple[str, str]:
        of = self._shrink_id
        return f"replay {of} {digest(lines)} {nth}", of

    @property
    def _shrink_id(self) -> str:
        return name_shrink(self.failure.conversation.id, self.failure.name)

    async def _create(self, lines: Lines, nth: int) -> str:
        key, body = self._name(lines, nth)
        parent = self.failure.conversation
        return await self.runs.create(
            with_lines(self.failure.scenario, lines),
            client_id=parent.client_id,
            key=key,
            body=body,
            parent=(parent.id, 0),
            experiment_id=self._shrink_id,
        )


def with_lines(scenario: Scenario, lines: Lines) -> Scenario:
    """The scenario with exactly these lines of the user; then it ends."""
    said = [{"say": line} for line in lines]
    changes = {"lines": said, "max_turns": len(lines)}
    return scenario.model_copy(update=changes)


def _size(lines: Lines) -> tuple[int, int]:
    return len(lines), sum(map(len, lines))


async def _gather(work: Sequence[object]) -> None:
    """Waits for all of them, then raises the first error that one of them had."""
    found = await asyncio.gather(*work, return_exceptions=True)  # type: ignore[call-overload]
    errors = [one for one in found if isinstance(one, BaseException)]
    typed = [one for one in errors if isinstance(one, DuologueError | Unfinished)]
    for error in [*typed, *errors]:
        raise error

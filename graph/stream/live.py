"""The live view of a conversation: what is known of it now, and who is to be told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.ends import Status
from core.events import EventName
from core.message import Message, Role
from core.text import clean, cut
from graph.stream.cursor import Cursor


@dataclass(slots=True)  # frozen ones take four times as long to make
class Frame:
    """One event of the stream; `id` is the cursor behind it, made only where it is sent."""

    event: EventName
    data: dict[str, Any]
    cursor: Cursor

    @property
    def id(self) -> str:
        return str(self.cursor)


KEPT_REPORTS = 200
"""So many reports of a run are kept; of older ones the mere statuses are forgotten."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is no text, at the place in the transcript where it was made.

    What it tells is kept as two tuples: a dict for each would weigh twice as much.
    """

    index: int
    offset: int
    take: int
    event: EventName
    names: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def data(self) -> dict[str, Any]:
        return dict(zip(self.names, self.values, strict=True))


# A thousand conversations with one bot report the same at the same place: it is kept once.
_shared = lru_cache(maxsize=4096)(Report)


Watch = Callable[[str, str, dict[str, Any]], None]
"""Is told what happens, the conversation it happens to, and the facts of it."""


def nobody_watches(_what: str, _id: str, _facts: dict[str, Any]) -> None:
    """The default."""


class LiveConversation:
    """What is known of one conversation now: its transcript, the line being said, the reports.

    It is the `Emitter` of the run that drives the conversation.
    """

    def __init__(
        self,
        id: str,
        messages: Sequence[Message],
        turn: int,
        max_turns: int,
        watch: Watch = nobody_watches,
    ) -> None:
        self.id = id
        self.messages: Sequence[Message] = messages
        self.turn = turn
        self.max_turns = max_turns
        self.current_status = Status.CREATED
        self.run = 0
        self.is_exact = True
        self.reports: list[Report | None] = []
        self.past_reports: list[Report | None] = []
        self.past_run = -1
        self.preview = ""
        self.role: Role = "user"
        self.take = 0
        self.turn_in_flight: int | None = None
        self._held_back = ""
        self._takes: dict[int, int] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.followers = 0
        self.closed = False
        self._watch = watch

    # --- the run's side ---------------------------------------------------------------------

    def begin(self, run: int, max_turns: int) -> None:
        """A new run. The reports of the one before are kept for who has not read them yet."""
        self.reset("the line was not finished")
        self.past_reports, self.past_run = self.reports, self.run if self.is_exact else -1
        self.run, self.max_turns, self.current_status = run, max_turns, Status.RUNNING
        self.is_exact, self.reports, self.turn_in_flight = True, [], None
        since = next((report.index for report in self.past_reports if report), len(self.messages))
        self._takes = {index: take for index, take in self._takes.items() if index >= since}
        self._wake()

    @property
    def is_driven_here(self) -> bool:
        """Whether a run of this process drives the conversation now."""
        return self.is_exact and self.current_status is Status.RUNNING

    def catch_up(self, messages: Sequence[Message], turn: int, run: int, max_turns: int) -> None:
        """What another process, or an earlier life of this one, put on disk."""
        if run != self.run:
            self.reports, self.run = [], run
            self.past_reports, self.past_run = [], -1
            self._takes.clear()
        self.is_exact, self.turn, self.max_turns = False, turn, max_turns
        if len(messages) > len(self.messages):
            self.messages = messages
            self._forget()
        self._wake()

    def status(self, status: str, message: str, **facts: Any) -> None:
        data = {
            "status": status,
            "message": message,
            "turn": self.turn,
            "max_turns": self.max_turns,
        }
        self._add_report("status", {**data, **facts})
        if status == "sending":
            self.turn_in_flight = facts.get("turn")
        elif status == "retrying":
            self._watch("retry", self.id, data | facts)

    def piece(self, role: Role, text: str) -> None:
        self.role = role
        text = self._held_back + clean(text)
        at = cut(text)
        self._held_back = text[at:]
        if at:
            self.preview += text[:at]
            self._wake()

    def reset(self, why: str) -> None:
        if self.preview or self._held_back:
            self._void("reset", {"index": len(self.messages), "role": self.role, "why": why})

    def discard(self, text: str, why: str, **facts: Any) -> None:
        data = {"index": len(self.messages), "role": "user", "text": clean(text), "why": why}
        self._void("discarded", data)
        self._watch("discarded", self.id, facts)

    def update_transcript(self, messages: Sequence[Message], turn: int) -> None:
        if turn > self.turn:
            # A turn may be done without a message: the bot ended in silence, or it was accepted.
            self.turn, self.turn_in_flight = turn, None
        if len(messages) > len(self.messages):
            first = messages[len(self.messages)]["content"]
            if not first.startswith(self.preview):
                self.reset("what was stored differs from the preview")
            fresh = messages[len(self.messages) :]
            if self.take:
                self._takes[len(self.messages)] = self.take
            self.messages, self.turn, self.turn_in_flight = messages, turn, None
            self._forget()
            self._wake()
            for line in fresh:
                self._watch("message", self.id, {**line, "turn": turn})

    def error(self, data: dict[str, Any]) -> None:
        self.reset("the line was not finished")
        self._add_report("error", data)

    def report_done(self, status: Status, end_reason: str | None) -> None:
        """The last report of a run."""
        self.reset("the line was not finished")
        self.current_status = status
        data = {
            "status": status.value,
            "end_reason": end_reason,
            "turns": self.turn,
            "conversation_id": self.id,
        }
        self._add_report("done", data)

    def close(self) -> None:
        """The process is ending: who follows is told what there is, and no more."""
        self.closed = True
        self._wake()

    def _void(self, event: EventName, data: dict[str, Any]) -> None:
        self.reports.append(self._make_report(event, data))
        self.take += 1
        self.preview, self._held_back = "", ""
        self._wake()

    def _forget(self) -> None:
        self.preview, self._held_back, self.take = "", "", 0

    def _make_report(self, event: EventName, data: dict[str, Any]) -> Report:
        values = tuple(data.values())
        alike = event == "status" and not any(
            type(fact) is str and len(fact) > 99 for fact in values
        )
        make = _shared if alike else Report
        return make(len(self.messages), len(self.preview), self.take, event, tuple(data), values)

    def _add_report(self, event: EventName, data: dict[str, Any]) -> None:
        self.reports.append(self._make_report(event, data))
        old = len(self.reports) - KEPT_REPORTS
        if old >= 0 and (report := self.reports[old]) and report.event == "status":
            self.reports[old] = None  # its number stays taken, so that cursors keep their meaning
        self._wake()

    # --- the followers' side ----------------------------------------------------------------

    def text(self, index: int) -> str | None:
        """As much as there is of the text of message `index`."""
        if index < len(self.messages):
            return self.messages[index]["content"]
        return self.preview if index == len(self.messages) else None

    def take_of(self, index: int) -> int:
        """How often the text of message `index` was begun anew."""
        return self._takes.get(index, 0) if index < len(self.messages) else self.take

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def watch_change(self) -> "asyncio.Future[None]":
        """Is done when something new was reported."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    async def wait_for_change(self, seconds: float) -> None:
        """Returns when something new was reported, or after that time."""
        future = self.watch_change()
        await asyncio.wait([future], timeout=seconds)
        if future in self._waiting:
            self._waiting.remove(future)

    def remove_follower(self) -> None:
        """A follower is no more; if it was waiting just now, nobody needs to wake it."""
        self.followers -= 1
        self._waiting = [waiting for waiting in self._waiting if not waiting.done()]

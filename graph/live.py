"""The live view of a conversation, and followers of it.

A follower is a position in the transcript and nothing more: no queue is kept for it. A slow one
is sent longer pieces, later; it holds up nobody and costs no memory.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graph.cursor import Cursor, checked
from graph.ends import Status
from graph.events import EventName, message_data
from graph.state import Message, Role
from graph.text import clean, cut


@dataclass(slots=True)  # frozen ones take four times as long to make
class Frame:
    """One event of the stream; `id` is the cursor behind it, made only where it is sent."""

    event: EventName
    data: dict[str, Any]
    cursor: Cursor

    @property
    def id(self) -> str:
        return str(self.cursor)


KEPT_MARKS = 600
"""So many reports of a run are kept; of older ones the mere statuses are forgotten."""


@dataclass(slots=True)
class Mark:
    """A report that is no text, at the place in the transcript where it was made."""

    index: int
    offset: int
    take: int
    event: EventName
    data: dict[str, Any]


Watch = Callable[[str, str, dict[str, Any]], None]
"""Is told what happens, the conversation it happens to, and the facts of it."""


def _nobody_watches(_what: str, _id: str, _facts: dict[str, Any]) -> None:
    """The default."""


class View:
    """What is known of one conversation now: its transcript, the line being said, the reports.

    It is the `Voice` of the run that drives the conversation.
    """

    def __init__(
        self,
        id: str,
        messages: Sequence[Message],
        turn: int,
        max_turns: int,
        watch: Watch = _nobody_watches,
    ) -> None:
        self.id = id
        self.messages: Sequence[Message] = messages
        self.turn = turn
        self.max_turns = max_turns
        self.stands = Status.CREATED
        self.run = 0
        self.exact = True
        self.marks: list[Mark | None] = []
        self.past: list[Mark | None] = []
        self.past_run = -1
        self.saying = ""
        self.role: Role = "user"
        self.take = 0
        self.calling: int | None = None
        self._held = ""
        self._takes: dict[int, int] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.followers = 0
        self.closed = False
        self._watch = watch

    # --- the run's side ---------------------------------------------------------------------

    def begin(self, run: int, max_turns: int) -> None:
        """A new run. The reports of the one before are kept for who has not read them yet."""
        self.reset("the line was not finished")
        self.past, self.past_run = self.marks, self.run if self.exact else -1
        self.run, self.max_turns, self.stands = run, max_turns, Status.RUNNING
        self.exact, self.marks, self.calling = True, [], None
        since = next((mark.index for mark in self.past if mark), len(self.messages))
        self._takes = {index: take for index, take in self._takes.items() if index >= since}
        self._wake()

    @property
    def driven_here(self) -> bool:
        """Whether a run of this process drives the conversation now."""
        return self.exact and self.stands is Status.RUNNING

    def catch_up(self, messages: Sequence[Message], turn: int, run: int, max_turns: int) -> None:
        """What another process, or an earlier life of this one, put on disk."""
        if run != self.run:
            self.marks, self.run = [], run
            self.past, self.past_run = [], -1
            self._takes.clear()
        self.exact, self.turn, self.max_turns = False, turn, max_turns
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
        self._mark("status", {**data, **facts})
        if status == "sending":
            self.calling = facts.get("turn")
        elif status == "retrying":
            self._watch("retry", self.id, data | facts)

    def piece(self, role: Role, text: str) -> None:
        self.role = role
        text = self._held + clean(text)
        at = cut(text)
        self._held = text[at:]
        if at:
            self.saying += text[:at]
            self._wake()

    def reset(self, why: str) -> None:
        if self.saying or self._held:
            self._void("reset", {"index": len(self.messages), "role": self.role, "why": why})

    def discarded(self, text: str, why: str) -> None:
        data = {"index": len(self.messages), "role": "user", "text": clean(text), "why": why}
        self._void("discarded", data)

    def stored(self, messages: Sequence[Message], turn: int) -> None:
        if turn > self.turn:
            # A turn may be done without a message: the bot ended in silence, or it was accepted.
            self.turn, self.calling = turn, None
        if len(messages) > len(self.messages):
            first = messages[len(self.messages)]["content"]
            if not first.startswith(self.saying):
                self.reset("what was stored differs from the preview")
            fresh = messages[len(self.messages) :]
            if self.take:
                self._takes[len(self.messages)] = self.take
            self.messages, self.turn, self.calling = messages, turn, None
            self._forget()
            self._wake()
            for line in fresh:
                self._watch("message", self.id, {**line, "turn": turn})

    def error(self, data: dict[str, Any]) -> None:
        self.reset("the line was not finished")
        self._mark("error", data)

    def done(self, status: Status, end_reason: str | None) -> None:
        """The last report of a run."""
        self.reset("the line was not finished")
        self.stands = status
        data = {
            "status": status.value,
            "end_reason": end_reason,
            "turns": self.turn,
            "conversation_id": self.id,
        }
        self._mark("done", data)

    def close(self) -> None:
        """The process is ending: who follows is told what there is, and no more."""
        self.closed = True
        self._wake()

    def _void(self, event: EventName, data: dict[str, Any]) -> None:
        mark = Mark(len(self.messages), len(self.saying), self.take, event, data)
        self.marks.append(mark)
        self.take += 1
        self.saying, self._held = "", ""
        self._wake()

    def _forget(self) -> None:
        self.saying, self._held, self.take = "", "", 0

    def _mark(self, event: EventName, data: dict[str, Any]) -> None:
        self.marks.append(Mark(len(self.messages), len(self.saying), self.take, event, data))
        old = len(self.marks) - KEPT_MARKS
        if old >= 0 and (mark := self.marks[old]) and mark.event == "status":
            self.marks[old] = None  # its number stays taken, so that cursors keep their meaning
        self._wake()

    # --- the followers' side ----------------------------------------------------------------

    def text(self, index: int) -> str | None:
        """As much as there is of the text of message `index`."""
        if index < len(self.messages):
            return self.messages[index]["content"]
        return self.saying if index == len(self.messages) else None

    def take_of(self, index: int) -> int:
        """How often the text of message `index` was begun anew."""
        return self._takes.get(index, 0) if index < len(self.messages) else self.take

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self) -> None:
        """Returns when something new was reported."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future.cancelled() and future in self._waiting:
                self._waiting.remove(future)


class Follower:
    """Where one reader of a view stands."""

    def __init__(
        self,
        view: View,
        after: Cursor | None = None,
        *,
        only_run: bool = False,
        unspoken: str | None = None,
    ) -> None:
        self.view = view
        self.run = view.run
        self._only_run = only_run
        self._unspoken = unspoken
        self.index, self.offset, self.check, self.seq = 0, 0, 0, 0
        self._reset_first = False
        if after is not None:
            self._stand(after)

    def _stand(self, after: Cursor) -> None:
        view = self.view
        self.index, self.offset, self.check = after.index, after.offset, after.check
        if after.run == view.run and view.exact and after.seq <= len(view.marks):
            self.seq = after.seq
            return
        if after.run == view.past_run and after.seq <= len(view.past):
            self.run, self.seq = after.run, after.seq
            return
        if after.run == view.run and after.last:
            self._skip_told(after.last)
        elif after.run < view.past_run and not self._only_run:
            self.run = view.past_run
        if self.offset or self.index > len(view.messages):
            self._match()

    def _skip_told(self, last: str) -> None:
        told = {"e": ("status", "error"), "d": ("status", "error", "done")}[last]
        for mark in self.view.marks[self.seq :]:
            if mark is not None and mark.event not in told:
                return
            self.seq += 1

    def _match(self) -> None:
        """What the reader has of this message must be how it begins; else it starts anew."""
        text = self.view.text(self.index)
        if text is None or len(text) < self.offset or checked(text[: self.offset]) != self.check:
            self.index = min(self.index, len(self.view.messages))
            self.offset, self.check = 0, 0
            self._reset_first = True

    def cursor(self, last: str = "") -> Cursor:
        return Cursor(self.index, self.offset, self.check, self.run, self.seq, last)

    def next(self) -> Frame | None:
        """The next event, or None where there is none yet."""
        marks = self._marks()
        if self._reset_first:
            self._reset_first = False
            data = {
                "index": self.index,
                "role": None,
                "why": "the line was said anew after a break",
            }
            return Frame("reset", data, self.cursor())
        while self.seq < len(marks) and marks[self.seq] is None:
            self.seq += 1
        mark = marks[self.seq] if self.seq < len(marks) else None
        if mark is not None and self._due(mark):
            return self._report(mark)
        return self._token(mark) or self._message()

    def _marks(self) -> Sequence[Mark | None]:
        """The reports of the run that is being read: the one before until all of it is told."""
        view = self.view
        if self.run not in (view.run, view.past_run):
            self._read_run(max(self.run, view.past_run))
        if self.run == view.past_run and self.seq < len(view.past):
            return view.past
        if self.run != view.run:
            self._read_run(view.run)
        return view.marks

    def _read_run(self, run: int) -> None:
        self.run, self.seq = run, 0
        if self.offset:
            self._match()

    def _due(self, mark: Mark) -> bool:
        if mark.index != self.index:
            return mark.index < self.index
        return mark.offset <= self.offset or mark.take != self.view.take_of(self.index)

    def _report(self, mark: Mark) -> Frame:
        self.seq += 1
        if mark.event in _VOIDS and mark.index == self.index:
            self.offset, self.check = 0, 0
        return Frame(mark.event, mark.data, self.cursor(_LAST.get(mark.event, "")))

    def _token(self, mark: Mark | None) -> Frame | None:
        text = self.view.text(self.index)
        if text is None or self.offset >= len(text) or self._is_unspoken():
            return None
        upto = mark.offset if mark is not None and mark.index == self.index else len(text)
        piece = text[self.offset : upto]
        stored = self.index < len(self.view.messages)
        role = self.view.messages[self.index]["role"] if stored else self.view.role
        self.offset, self.check = upto, checked(piece, self.check)
        data = {"content": piece, "role": role, "index": self.index}
        return Frame("token", data, self.cursor())

    def _is_unspoken(self) -> bool:
        """Lines of this origin are told as messages only: whoever said them knows them."""
        said = self.view.messages
        return self.index < len(said) and said[self.index]["origin"] == self._unspoken

    def _message(self) -> Frame | None:
        if self.index >= len(self.view.messages):
            return None
        data = message_data(self.view.messages[self.index], self.index)
        self.index, self.offset, self.check = self.index + 1, 0, 0
        return Frame("message", data, self.cursor())

    @property
    def over(self) -> bool:
        """Whether nothing can come any more: all is told, and the conversation has ended."""
        view = self.view
        return (
            view.stands.ended
            and self.run == view.run
            and self.seq >= len(view.marks)
            and self.index >= len(view.messages)
        )

    async def frames(self) -> AsyncIterator[Frame]:
        """Events as they come, up to the `done` with which this stream ends."""
        async with aclosing(self.batches()) as batches:
            async for ready in batches:
                for frame in ready:
                    yield frame

    async def batches(self) -> AsyncGenerator[list[Frame], None]:
        """The same, as many together as there are: what is sent at once costs a send."""
        self.view.followers += 1
        try:
            while not self.over:
                ready = self._ready()
                if ready:
                    yield ready
                    if ready[-1].event == "done":
                        return
                elif self.view.closed:
                    return
                else:
                    await self._more()
        finally:
            self.view.followers -= 1

    async def _more(self) -> None:
        """Returns when there may be more; at once where a `done` was passed over."""
        if not self.over:
            await self.view.changed()

    def _ready(self) -> list[Frame]:
        """What there is to tell now, up to a `done`; a long way behind, a part of it."""
        ready: list[Frame] = []
        while len(ready) < TOGETHER and not self.over and (frame := self.next()) is not None:
            if frame.event != "done":
                ready.append(frame)
            elif self._ends(frame):
                return [*ready, frame]
        return ready

    def _ends(self, frame: Frame) -> bool:
        """A conversation that waits, or that went on since, has not ended; only a run has."""
        if self._only_run:
            return True
        return frame.data["status"] != Status.WAITING and self.run == self.view.run


TOGETHER = 50
_VOIDS = ("reset", "discarded")
_LAST = {"error": "e", "done": "d"}

"""Followers of a conversation's view.

A follower is a position in the transcript and nothing more: no queue is kept for it. A slow one
is sent longer pieces, later; it holds up nobody and costs no memory.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from core.ends import Status
from core.events import message_data
from graph.stream.cursor import Cursor, checked
from graph.stream.live import Frame, LiveConversation, Report

TOGETHER = 50
_VOIDS = ("reset", "discarded")
_LAST = {"error": "e", "done": "d"}


class Follower:
    """Where one reader of a view stands."""

    def __init__(
        self,
        view: LiveConversation,
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

    def _marks(self) -> Sequence[Report | None]:
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

    def _due(self, mark: Report) -> bool:
        if mark.index != self.index:
            return mark.index < self.index
        return mark.offset <= self.offset or mark.take != self.view.take_of(self.index)

    def _report(self, mark: Report) -> Frame:
        self.seq += 1
        if mark.event in _VOIDS and mark.index == self.index:
            self.offset, self.check = 0, 0
        return Frame(mark.event, mark.data, self.cursor(_LAST.get(mark.event, "")))

    def _token(self, mark: Report | None) -> Frame | None:
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
                elif not self.over:  # it is, where a `done` was passed over
                    await self.view.changed()
        finally:
            self.view.left()

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

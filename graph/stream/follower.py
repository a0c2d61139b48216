"""Followers of a conversation's view.

A follower is a position in the transcript and nothing more: no queue is kept for it. A slow one
is sent longer pieces, later; it holds up nobody and costs no memory.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from core.ends import Status
from core.message import to_event
from core.text import cut
from graph.stream.cursor import Cursor, update_checksum
from graph.stream.live import Frame, LiveConversation
from graph.stream.report import Report

TOGETHER = 50
AT_ONCE = 65_536
"""Characters that are sent together, so that a reader who does not read holds little memory."""
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
            self._seek(after)

    def _seek(self, after: Cursor) -> None:
        view = self.view
        self.index, self.offset, self.check = after.index, after.offset, after.check
        if after.run == view.run and view.is_exact and after.seq <= len(view.reports):
            self.seq = after.seq
            return
        if after.run == view.past_run and after.seq <= len(view.past_reports):
            self.run, self.seq = after.run, after.seq
            return
        if after.run == view.run and after.last:
            self._skip_reports(after.last)
        elif after.run < view.past_run and not self._only_run:
            self.run = view.past_run
        if self.offset or self.index > len(view.messages):
            self._verify_offset()

    def _skip_reports(self, last: str) -> None:
        passed_over = {"e": ("status", "error"), "d": ("status", "error", "done")}[last]
        for report in self.view.reports[self.seq :]:
            if report is not None and report.event not in passed_over:
                return
            self.seq += 1

    def _verify_offset(self) -> None:
        """What the reader has of this message must be how it begins; else it starts anew."""
        text = self.view.text(self.index)
        if (
            text is None
            or len(text) < self.offset
            or update_checksum(text[: self.offset]) != self.check
        ):
            self.index = min(self.index, len(self.view.messages))
            self.offset, self.check = 0, 0
            self._reset_first = True

    def cursor(self, last: str = "") -> Cursor:
        return Cursor(self.index, self.offset, self.check, self.run, self.seq, last)

    def next(self) -> Frame | None:
        """The next event, or None where there is none yet."""
        reports = self._current_reports()
        if self._reset_first:
            self._reset_first = False
            data = {
                "index": self.index,
                "role": None,
                "why": "the line was said anew after a break",
            }
            return Frame("reset", data, self.cursor())
        while self.seq < len(reports) and reports[self.seq] is None:
            self.seq += 1
        report = reports[self.seq] if self.seq < len(reports) else None
        if report is not None and self._is_due(report):
            return self._next_report(report)
        return self._next_token(report) or self._next_message()

    def _current_reports(self) -> Sequence[Report | None]:
        """The reports of the run that is being read: the one before until all of it is told."""
        view = self.view
        if self.run not in (view.run, view.past_run):
            self._read_run(max(self.run, view.past_run))
        if self.run == view.past_run and self.seq < len(view.past_reports):
            return view.past_reports
        if self.run != view.run:
            self._read_run(view.run)
        return view.reports

    def _read_run(self, run: int) -> None:
        self.run, self.seq = run, 0
        if self.offset:
            self._verify_offset()

    def _is_due(self, report: Report) -> bool:
        if report.index != self.index:
            return report.index < self.index
        return report.offset <= self.offset or report.take != self.view.take_of(self.index)

    def _next_report(self, report: Report) -> Frame:
        self.seq += 1
        if report.event in _VOIDS and report.index == self.index:
            self.offset, self.check = 0, 0
        return Frame(report.event, report.data, self.cursor(_LAST.get(report.event, "")))

    def _next_token(self, report: Report | None) -> Frame | None:
        text = self.view.text(self.index)
        if text is None or self.offset >= len(text) or self._is_unspoken():
            return None
        upto = report.offset if report is not None and report.index == self.index else len(text)
        piece = text[self.offset : upto]
        if len(piece) > AT_ONCE:
            piece = piece[: cut(piece[:AT_ONCE]) or AT_ONCE]
            upto = self.offset + len(piece)
        stored = self.index < len(self.view.messages)
        role = self.view.messages[self.index]["role"] if stored else self.view.line.role
        self.offset, self.check = upto, update_checksum(piece, self.check)
        data = {"content": piece, "role": role, "index": self.index}
        return Frame("token", data, self.cursor())

    def _is_unspoken(self) -> bool:
        """Lines of this origin are told as messages only: whoever said them knows them."""
        said = self.view.messages
        return self.index < len(said) and said[self.index]["origin"] == self._unspoken

    def _next_message(self) -> Frame | None:
        if self.index >= len(self.view.messages):
            return None
        data = to_event(self.view.messages[self.index], self.index)
        self.index, self.offset, self.check = self.index + 1, 0, 0
        return Frame("message", data, self.cursor())

    @property
    def is_over(self) -> bool:
        """Whether nothing can come any more: all is told, and the conversation has ended."""
        view = self.view
        return (
            view.current_status.ended
            and self.run == view.run
            and self.seq >= len(view.reports)
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
            while not self.is_over:
                ready = self._take_ready()
                if ready:
                    yield ready
                    if ready[-1].event == "done":
                        return
                elif self.view.closed:
                    return
                elif not self.is_over:  # it is, where a `done` was passed over
                    await self.view.changes.watch()
        finally:
            self.view.remove_follower()

    def _take_ready(self) -> list[Frame]:
        """What there is to tell now, up to a `done`; a long way behind, a part of it."""
        ready: list[Frame] = []
        size = 0
        while len(ready) < TOGETHER and size < AT_ONCE and not self.is_over:
            frame = self.next()
            if frame is None:
                break
            if frame.event != "done":
                ready.append(frame)
                size += len(frame.data.get("content", ""))
            elif self._ends_stream(frame):
                return [*ready, frame]
        return ready

    def _ends_stream(self, frame: Frame) -> bool:
        """A conversation that waits, or that went on since, has not ended; only a run has."""
        if self._only_run:
            return True
        return frame.data["status"] != Status.WAITING and self.run == self.view.run

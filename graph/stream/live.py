"""The live view of a conversation: what is known of it now, and who is to be told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.ends import Status
from core.events import EventName
from core.message import Message, Role
from core.text import clean
from graph.stream.cursor import Cursor
from graph.stream.line import GrowingLine
from graph.stream.report import Report, Reports, make_report
from graph.stream.signal import Signal


@dataclass(slots=True)  # frozen ones take four times as long to make
class Frame:
    """One event of the stream; `id` is the cursor behind it, made only where it is sent."""

    event: EventName
    data: dict[str, Any]
    cursor: Cursor

    @property
    def id(self) -> str:
        return str(self.cursor)


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
        self.line = GrowingLine()
        self.reports = Reports()
        self.past_reports = Reports()
        self.past_run = -1
        self.turn_in_flight: int | None = None
        self.changes = Signal()
        self.followers = 0
        self.closed = False
        self._watch = watch

    # --- the run's side ---------------------------------------------------------------------

    def begin(self, run: int, max_turns: int) -> None:
        """A new run. The reports of the one before are kept for who has not read them yet."""
        self.reset("the line was not finished")
        self.past_reports, self.past_run = self.reports, self.run if self.is_exact else -1
        self.run, self.max_turns, self.current_status = run, max_turns, Status.RUNNING
        self.is_exact, self.reports, self.turn_in_flight = True, Reports(), None
        since = next((report.index for report in self.past_reports if report), len(self.messages))
        self.line.forget_takes(before=since)
        self.changes.send()

    @property
    def is_driven_here(self) -> bool:
        """Whether a run of this process drives the conversation now."""
        return self.is_exact and self.current_status is Status.RUNNING

    def catch_up(self, messages: Sequence[Message], turn: int, run: int, max_turns: int) -> None:
        """What another process, or an earlier life of this one, put on disk."""
        if run != self.run:
            self.reports, self.run = Reports(), run
            self.past_reports, self.past_run = Reports(), -1
            self.line.forget_takes(before=len(messages))
        self.is_exact, self.turn, self.max_turns = False, turn, max_turns
        if len(messages) > len(self.messages):
            self.messages = messages
            self.line.clear()
        self.changes.send()

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
        if self.line.add(role, text):
            self.changes.send()

    def reset(self, why: str) -> None:
        if self.line.is_begun:
            self._void("reset", {"index": len(self.messages), "role": self.line.role, "why": why})

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
            if not first.startswith(self.line.text):
                self.reset("what was stored differs from the preview")
            fresh = messages[len(self.messages) :]
            self.line.finish(len(self.messages))
            self.messages, self.turn, self.turn_in_flight = messages, turn, None
            self.changes.send()
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
        self.changes.send()

    def _void(self, event: EventName, data: dict[str, Any]) -> None:
        self.reports.append(self._make_report(event, data))
        self.line.begin_anew()
        self.changes.send()

    def _make_report(self, event: EventName, data: dict[str, Any]) -> Report:
        place = (len(self.messages), len(self.line.text), self.line.take)
        return make_report(place, event, data)

    def _add_report(self, event: EventName, data: dict[str, Any]) -> None:
        self.reports.add(self._make_report(event, data))
        self.changes.send()

    # --- the followers' side ----------------------------------------------------------------

    def text(self, index: int) -> str | None:
        """As much as there is of the text of message `index`."""
        if index < len(self.messages):
            return self.messages[index]["content"]
        return self.line.text if index == len(self.messages) else None

    def take_of(self, index: int) -> int:
        """How often the text of message `index` was begun anew."""
        return self.line.take_of(index) if index < len(self.messages) else self.line.take

    def remove_follower(self) -> None:
        """A follower is no more; if it was waiting just now, nobody needs to wake it."""
        self.followers -= 1
        self.changes.forget_gone()

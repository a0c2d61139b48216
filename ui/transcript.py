"""What a page shows of a conversation, as data: events go in, bubbles come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.parts import Part

STATUSES = {"created", "running", "waiting", "completed", "stopped", "interrupted"}
OPENING = {"initializing", "initialized", "replaying", "diverged"}
MARKS = ("recorded", "not_in_session")
"""Facts of a reply that its reader must know: it is from a cassette, or the bot never gave it."""
AT_WORK = OPENING | {"sending", "retrieving", "retrying", "stopping"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage that the bot looked up: where it stands, and how it begins."""

    place: str
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Aside:
    """What went on behind a line: it was discarded, tried again, or said anew."""

    kind: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One line as it is shown; `settled` once the server has it on disk."""

    index: int
    role: str
    text: str = ""
    settled: bool = False
    origin: str = ""
    name: str = ""
    turn: int = 0
    timestamp: str = ""
    latency_ms: int | None = None
    tokens: int | None = None
    aims: tuple[str, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    parts: tuple[Part, ...] = ()
    marks: tuple[str, ...] = ()
    asides: tuple[Aside, ...] = ()


@dataclass
class TranscriptView:
    """The conversation up to the last event. `seat` changes where an event says so."""

    bubbles: list[Bubble] = field(default_factory=list)
    status: str = "opening"
    step: str = ""
    speaker: str = ""
    turn: int = 0
    max_turns: int = 0
    end_reason: str | None = None
    error: Mapping[str, Any] | None = None
    seat: str | None = None
    looking_up: str = ""
    asides: tuple[Aside, ...] = ()

    def apply(self, name: str, data: Mapping[str, Any]) -> None:
        """Takes one event; names that are new to us are left alone."""
        handler = getattr(self, f"_on_{name}", None)
        if handler is not None:
            handler(data)

    @property
    def saying(self) -> Bubble | None:
        """The line that is being said."""
        last = self.bubbles[-1] if self.bubbles else None
        return last if last and not last.settled else None

    @property
    def thinking(self) -> str | None:
        """The role whose line is awaited, while nothing of it is there."""
        if self.status != "running" or self.saying or self.step == "stopping":
            return None
        if self.step in OPENING:
            return "opening"
        said = self.bubbles[-1].role if self.bubbles else ""
        return self.speaker or ("assistant" if said == "user" else "user")

    # --- events ---------------------------------------------------------------------------

    def _on_status(self, data: Mapping[str, Any]) -> None:
        step = str(data.get("status", ""))
        if step != "sending":  # which names the turn that is under way, not those done
            self.turn = int(data.get("turn") or self.turn)
        self.max_turns = int(data.get("max_turns") or self.max_turns)
        self.seat = data.get("seat") or self.seat
        if step == "retrying":
            self._add_aside("retrying", "", str(data.get("message", "")))
        if step == "diverged":
            self._add_aside("diverged", str(data.get("replied", "")), str(data.get("message", "")))
        if step in AT_WORK or step == "running":
            self._mark_running(step, data)
        elif step in STATUSES:
            self.status, self.step = step, step
            self.end_reason = data.get("end_reason") or self.end_reason

    def _mark_running(self, step: str, data: Mapping[str, Any]) -> None:
        if self.status != "running":
            self.error, self.end_reason = None, None
        self.status, self.step = "running", step
        self.looking_up = str(data.get("message", "")) if step == "retrieving" else ""
        self.speaker = str(data.get("speaker") or "") if step != "retrying" else self.speaker

    def _on_token(self, data: Mapping[str, Any]) -> None:
        index, text = int(data["index"]), str(data["content"])
        if index < len(self.bubbles):
            known = self.bubbles[index]
            if not known.settled:
                self.bubbles[index] = replace(known, text=known.text + text)
            return
        self.bubbles.append(Bubble(index, str(data.get("role") or "user"), text))
        self._attach_asides()

    def _on_message(self, data: Mapping[str, Any]) -> None:
        index = int(data["index"])
        del self.bubbles[index + 1 :]
        known = self.bubbles[index].asides if index < len(self.bubbles) else ()
        del self.bubbles[index:]
        self.bubbles.append(bubble_from_message(data, known))
        self._attach_asides()
        self.speaker = ""
        self.turn = max(self.turn, self._count_turns(data))

    def _on_reset(self, data: Mapping[str, Any]) -> None:
        told = (Aside("reset", "", str(data.get("why", ""))),)
        cut_off = self.step == "stopping"  # by the reader, which needs no explanation
        self._discard_from(int(data.get("index") or 0), *(() if cut_off else told))

    def _on_discarded(self, data: Mapping[str, Any]) -> None:
        aside = Aside("discarded", str(data.get("text", "")), str(data.get("why", "")))
        self._discard_from(int(data.get("index") or 0), aside)

    def _on_error(self, data: Mapping[str, Any]) -> None:
        self.error = dict(data)

    def _on_done(self, data: Mapping[str, Any]) -> None:
        self.status = self.step = str(data.get("status", "completed"))
        self.end_reason = data.get("end_reason")
        self.turn = int(data.get("turns") or self.turn)
        self.speaker = ""
        if self.status != "interrupted":
            self.error = None

    # --- asides ---------------------------------------------------------------------------

    def _discard_from(self, index: int, *asides: Aside) -> None:
        """The text from `index` on is void; what was told behind it stays with the new one."""
        kept = tuple(found for bubble in self.bubbles[index:] for found in bubble.asides)
        del self.bubbles[index:]
        self.asides = (*kept, *self.asides, *asides)

    def _add_aside(self, kind: str, text: str, why: str) -> None:
        if not any(known.why == why and known.kind == kind for known in self.asides):
            self.asides = (*self.asides, Aside(kind, text, why))

    def _attach_asides(self) -> None:
        if self.asides:
            last = self.bubbles[-1]
            self.bubbles[-1] = replace(last, asides=(*last.asides, *self.asides))
            self.asides = ()

    def _count_turns(self, data: Mapping[str, Any]) -> int:
        return int(data.get("turn") or 0) if data.get("role") == "assistant" else 0


def bubble_from_message(data: Mapping[str, Any], asides: tuple[Aside, ...] = ()) -> Bubble:
    """The bubble of a `message` event."""
    usage = data.get("usage") or {}
    counted = [usage.get(name) for name in ("input_tokens", "output_tokens")]
    known = [int(count) for count in counted if count is not None]
    return Bubble(
        index=int(data["index"]),
        role=str(data["role"]),
        text=str(data["text"]),
        settled=True,
        origin=str(data.get("origin") or ""),
        name=str(data.get("name") or ""),
        turn=int(data.get("turn") or 0),
        timestamp=str(data.get("timestamp") or ""),
        latency_ms=data.get("latency_ms"),
        tokens=sum(known) if known else None,
        aims=tuple(map(str, data.get("aims") or ())),
        excerpts=tuple(map(read_excerpt, data.get("sources") or ())),
        parts=tuple(data.get("parts") or ()),
        marks=tuple(name for name in MARKS if data.get(name)),
        asides=asides,
    )


def read_excerpt(source: Mapping[str, Any]) -> Excerpt:
    """One of a message's `sources`."""
    page = f", {source['page']}" if source.get("page") else ""
    return Excerpt(f"{source['file']}{page}", float(source["score"]), str(source["text"]))

"""Output without a terminal: the transcript line by line, or JSON for programs."""

import io
import json
from typing import Any, Self, TextIO

from cli.output import (
    SPEAKERS,
    RunEnd,
    RunStart,
    describe_aims,
    describe_note,
    describe_sources,
    format_error,
)
from core.parts import read_out
from core.text import (
    escape_json_for_terminal,
    show_controls,
    show_in_one_line,
    show_message,
)
from graph.stream.live import Frame


def use_utf8(stream: TextIO) -> TextIO:
    """The stream, writing UTF-8 whatever the locale says; terminals keep their own encoding."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    return stream


def format_json(value: Any, indent: int | None = None) -> str:
    """JSON that a terminal shows as it stands, and that a program reads back exactly."""
    return escape_json_for_terminal(json.dumps(value, ensure_ascii=False, indent=indent))


class PlainOutput:
    """`User: …` and `Bot: …` as they are said; notes and errors go to `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is held."""

    def show_opening(self, opening: RunStart) -> None:
        heading = f"Conversation {opening.id}: {opening.bot}, {opening.user}"
        _write_line(self._out, show_in_one_line(heading))
        for note in opening.notes:
            _write_line(self._err, show_controls(note))

    def frame(self, frame: Frame) -> None:
        if frame.event == "message":
            _write_line(
                self._out, f"{SPEAKERS[frame.data['role']]}: {show_message(read_out(frame.data))}"
            )
            for told in (describe_aims(frame.data), describe_sources(frame.data)):
                if told:
                    _write_line(self._err, show_in_one_line(told))
        elif note := describe_note(frame):
            _write_line(self._err, show_controls(note))

    def show_closing(self, closing: RunEnd) -> None:
        _write_line(self._out, f"Conversation {closing.id}: {closing.sentence}")
        if closing.error:
            _write_line(self._err, format_error(closing.error))
        if closing.resume:
            _write_line(self._err if closing.error else self._out, f"Go on with: {closing.resume}")


class JsonOutput:
    """Every event as one line: `event`, `id`, `data`; `summary` is the last."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is held."""

    def show_opening(self, opening: RunStart) -> None:
        data = {
            "conversation_id": opening.id,
            "bot": opening.bot,
            "user": opening.user,
            "turn": opening.turn,
            "max_turns": opening.max_turns,
            "notes": opening.notes,
        }
        self._write_event("conversation", None, data)

    def frame(self, frame: Frame) -> None:
        self._write_event(frame.event, frame.id, frame.data)

    def show_closing(self, closing: RunEnd) -> None:
        data = {
            "conversation_id": closing.id,
            "status": closing.status.value,
            "end_reason": closing.end_reason,
            "turns": closing.turns,
            "max_turns": closing.max_turns,
            "messages": closing.messages,
            "seconds": round(closing.seconds, 3),
            "error": closing.error,
            "resume": closing.resume,
        }
        self._write_event("summary", None, data)
        if closing.error:
            _write_line(self._err, format_error(closing.error))

    def _write_event(self, event: str, id: str | None, data: dict[str, Any]) -> None:
        _write_line(self._out, format_json({"event": event, "id": id, "data": data}))


def _write_line(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()

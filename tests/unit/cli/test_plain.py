"""Output for pipes: clean lines for people, JSON for programs."""

import io
import json
from typing import Any

from cli.output import RunEnd, RunStart
from cli.plain import JsonOutput, PlainOutput, use_utf8
from core.ends import EndReason, Status
from graph.stream.cursor import Cursor
from graph.stream.live import Frame

OPENING = RunStart("the-id", "Robot", "scripted user", 0, 2, ("A note.",))
ERROR = {"error": "Robot (http://x) is down", "code": "bot_unreachable", "where": "bot"}
RESUME = "duologue resume the-id"


def closing(**changes: Any) -> RunEnd:
    facts: dict[str, Any] = {"status": Status.COMPLETED, "end_reason": EndReason.USER_DONE}
    facts |= {"turns": 1, "max_turns": 2, "messages": 2, "seconds": 0.5}
    return RunEnd(id="the-id", **({"error": None, "resume": None} | facts | changes))


def make_broken_end() -> RunEnd:
    return closing(status=Status.INTERRUPTED, end_reason=None, error=ERROR, resume=RESUME)


def frame(event: Any, **data: Any) -> Frame:
    return Frame(event, data, Cursor(1, 2, 3, 4, 5))


class Counting(io.StringIO):
    """Remembers what had been written whenever it was flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[str] = []

    def flush(self) -> None:
        self.flushed.append(self.getvalue())


def test_aims_that_a_line_reached_are_told_beside_it() -> None:
    out, err = io.StringIO(), io.StringIO()
    with PlainOutput(out, err) as show:
        show.frame(frame("message", role="user", text="tea, please", aims=["orders\n tea"]))
        show.frame(frame("message", role="assistant", text="Here you are."))
    assert out.getvalue() == "User: tea, please\nBot: Here you are.\n"
    assert err.getvalue().startswith("Aim reached: orders")
    assert err.getvalue().count("\n") == 1


def test_lines_are_flushed_as_they_are_said() -> None:
    out = Counting()
    with PlainOutput(out, io.StringIO()) as show:
        show.frame(frame("token", role="user", content="sẵn"))
        show.frame(frame("message", role="user", text="sẵn sàng"))
        show.frame(frame("message", role="assistant", text="Chào!"))
    assert out.flushed == ["User: sẵn sàng\n", "User: sẵn sàng\nBot: Chào!\n"]


def test_id_is_the_first_and_the_last_line() -> None:
    out, err = io.StringIO(), io.StringIO()
    show = PlainOutput(out, err)
    show.show_opening(OPENING)
    show.show_closing(closing())
    first, last = out.getvalue().splitlines()
    assert first == "Conversation the-id: Robot, scripted user"
    assert last == "Conversation the-id: completed, 1 of 2 turns, 0.5 s, the user left"
    assert err.getvalue() == "A note.\n"


def test_stopped_conversation_tells_how_to_go_on() -> None:
    out, err = io.StringIO(), io.StringIO()
    stopped = closing(status=Status.STOPPED, end_reason=EndReason.STOPPED, resume=RESUME)
    PlainOutput(out, err).show_closing(stopped)
    assert out.getvalue().endswith(f"stopped, 1 of 2 turns, 0.5 s\nGo on with: {RESUME}\n")
    assert err.getvalue() == ""


def test_retries_and_the_error_go_to_stderr() -> None:
    out, err = io.StringIO(), io.StringIO()
    show = PlainOutput(out, err)
    data = {"status": "retrying", "message": "down; trying again", "attempt": 2, "attempts": 3}
    show.frame(frame("status", **data))
    show.show_closing(make_broken_end())
    assert err.getvalue().splitlines() == [
        "Retrying: down; trying again (attempt 2 of 3)",
        "Error: Robot (http://x) is down (bot_unreachable)",
        f"Go on with: {RESUME}",
    ]
    assert "interrupted" in out.getvalue()


def test_json_is_one_object_a_line_and_a_summary() -> None:
    out, err = Counting(), io.StringIO()
    with JsonOutput(out, err) as show:
        show.show_opening(OPENING)
        show.frame(frame("message", role="user", text="hai\ndòng"))
        show.show_closing(make_broken_end())
    first, event, last = map(json.loads, out.getvalue().splitlines())
    assert first["event"] == "conversation"
    assert first["data"]["conversation_id"] == "the-id"
    assert event == {
        "event": "message",
        "id": "1.2.3.4.5",
        "data": {"role": "user", "text": "hai\ndòng"},
    }
    assert last["event"] == "summary"
    assert last["data"]["error"] == ERROR
    assert last["data"]["resume"] == RESUME
    assert len(out.flushed) == 3
    assert "hai\\ndòng" in out.getvalue()


def test_vietnamese_is_written_whatever_the_locale_says() -> None:
    raw = io.BytesIO()
    stream = use_utf8(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("sẵn sàng \ud800")
    stream.flush()
    assert raw.getvalue() == "sẵn sàng ?".encode()

"""The terminal: who speaks is plain to see, and no bot can take it over."""

import io
import unicodedata
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from cli.output import RunEnd, RunStart
from cli.screen import Screen, build_row, format_latency
from core.ends import EndReason, Status
from core.text import show_controls
from graph.stream.cursor import Cursor
from graph.stream.live import Frame

WIDTH = 60
OPENING = RunStart("the-id", "Robot", "scripted user", 0, 10, ("No model is configured.",))


def console(height: int = 20) -> Console:
    return Console(file=io.StringIO(), record=True, force_terminal=True, width=WIDTH, height=height)


def frame(event: Any, **data: Any) -> Frame:
    return Frame(event, data, Cursor())


def status(name: str, turn: int, **facts: Any) -> Frame:
    data = {"status": name, "message": f"{name} now", "turn": turn, "max_turns": 10}
    return frame("status", **(data | facts))


def message(role: str, text: str, latency_ms: int | None = None) -> Frame:
    return frame("message", role=role, text=text, turn=1, latency_ms=latency_ms)


def closing(**changes: Any) -> RunEnd:
    facts: dict[str, Any] = {
        "id": "the-id",
        "status": Status.COMPLETED,
        "end_reason": EndReason.MAX_TURNS,
        "turns": 10,
        "max_turns": 10,
        "messages": 20,
        "seconds": 1.25,
        "error": None,
        "resume": None,
    }
    return RunEnd(**(facts | changes))


def drawn(screen: Screen, at: Console) -> str:
    """What stands below the transcript now."""
    with at.capture() as capture:
        at.print(Group(screen._render_now()))
    return Text.from_ansi(capture.get()).plain


def test_two_speakers_are_told_apart_by_name_and_colour() -> None:
    at = console()
    screen = Screen(at, console())
    screen.frame(message("user", "sẵn sàng"))
    screen.frame(message("assistant", "Chào bạn!", 12))
    styled = at.export_text(styles=True, clear=False)
    user, bot = (line for line in at.export_text().splitlines() if line.strip())
    assert user.startswith("User sẵn sàng")
    assert bot.startswith("Bot  Chào bạn!")
    assert bot.rstrip().endswith("12 ms")
    assert "\x1b[1;36mUser" in styled
    assert "\x1b[1;32mBot" in styled


def test_long_lines_stay_beside_their_speaker() -> None:
    at = console()
    at.print(build_row("assistant", "một hai ba bốn " * 20, "1 ms"))
    first, *others = at.export_text().splitlines()
    assert first.startswith("Bot  một")
    assert others
    assert all(line.startswith("     ") and line.strip() for line in others)


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "Nghiêng ngả những ngọn đồi ở Đà Lạt " * 5).strip(),
        "苹果树上有很多苹果" * 15,
        "con giỏi lắm 🍎 👩‍🏫 👍🏽 " * 8,
        unicodedata.normalize("NFD", "ệ" * 200),
    ],
)
def test_wide_and_combining_letters_come_out_whole(text: str) -> None:
    at = console()
    at.print(build_row("assistant", text, "1 ms"))
    lines = [line[5 : -len("1 ms")] for line in at.export_text().splitlines()]
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= WIDTH for line in lines)
    assert not any(unicodedata.combining(line.lstrip()[0]) for line in lines)


def test_escape_sequences_of_a_bot_are_shown_and_not_obeyed() -> None:
    assert (
        show_controls("\x1b]0;owned\x07\x9b2J\x08\r\n\tfine\x7f") == "␛]0;owned␇\ufffd2J␈\n\tfine␡"
    )
    at = console()
    at.print(build_row("assistant", "[red]markup[/red] :smile:", ""))
    assert "[red]markup[/red] :smile:" in at.export_text()


def test_opening_tells_id_speakers_and_notes() -> None:
    at = console()
    Screen(at, console()).show_opening(OPENING)
    text = at.export_text()
    assert "Conversation the-id\nRobot, scripted user, 10 turns\nNo model is" in text


def test_status_line_counts_turns_and_seconds_on_one_line() -> None:
    at = console()
    screen = Screen(at, console())
    screen.show_opening(OPENING)
    screen.frame(status("sending", 3, speaker="assistant"))
    assert "turn 3/10 · 0 s · Robot is answering" in drawn(screen, at)
    screen.frame(status("running", 3, speaker="user", message="Minh is thinking " * 9))
    line = drawn(screen, at).rstrip("\n")
    assert "turn 4/10" in line
    assert "\n" not in line
    assert line.endswith("…")


def test_tokens_are_seen_as_they_come_until_the_line_is_whole() -> None:
    at = console()
    screen = Screen(at, console())
    screen.frame(frame("token", role="assistant", content="Xin "))
    screen.frame(frame("token", role="assistant", content="chào"))
    assert "Bot  Xin chào" in drawn(screen, at)
    screen.frame(message("assistant", "Xin chào"))
    assert "Xin chào" not in drawn(screen, at)


@pytest.mark.parametrize("event", ["reset", "discarded"])
def test_line_taken_back_vanishes_and_the_cause_stays(event: str) -> None:
    at = console()
    screen = Screen(at, console())
    screen.frame(frame("token", role="user", content="half a"))
    screen.frame(frame(event, index=0, role="user", text="half a", why="it was cut"))
    assert "half a" not in drawn(screen, at)
    assert "it was cut" in at.export_text()


def test_line_longer_than_the_terminal_shows_its_end() -> None:
    at = console(height=8)
    screen = Screen(at, console())
    screen.frame(frame("token", role="assistant", content="mở đầu " + "và " * 300 + "hết"))
    seen = drawn(screen, at)
    assert seen.count("\n") <= 7
    assert "hết" in seen
    assert "mở đầu" not in seen


def test_retry_stays_visible_with_its_cause() -> None:
    at = console()
    retry = status("retrying", 1, message="Robot is down; trying again", attempt=2, attempts=3)
    Screen(at, console()).frame(retry)
    text = " ".join(at.export_text().split())
    assert "Robot is down; trying again (attempt 2 of 3)" in text


def test_end_tells_how_and_the_id() -> None:
    at, err = console(), console()
    Screen(at, err).show_closing(closing())
    text = at.export_text()
    assert "Completed, 10 of 10 turns, 1.2 s, all turns are done" in text
    assert "Conversation the-id" in text
    assert err.export_text() == ""


def test_break_is_told_on_stderr_with_the_way_on() -> None:
    at, err = console(), console()
    error = {"error": "Robot (http://x) is\ndown", "code": "bot_unreachable", "attempts": 3}
    broken = {"status": Status.INTERRUPTED, "end_reason": EndReason.BOT_ERROR, "error": error}
    Screen(at, err).show_closing(closing(**broken, resume="duologue resume the-id"))
    assert err.export_text() == (
        "Error: Robot (http://x) is down (bot_unreachable, 3 attempts)\n"
        "Go on with: duologue resume the-id\n"
    )
    assert "Interrupted" in at.export_text()


@pytest.mark.parametrize(
    ("ms", "text"), [(None, ""), (0, "0 ms"), (999, "999 ms"), (1240, "1.2 s")]
)
def test_latency_reads_well(ms: int | None, text: str) -> None:
    assert format_latency(ms) == text


def test_live_view_leaves_only_what_was_said() -> None:
    at = console()
    with Screen(at, console()) as screen:
        screen.show_opening(OPENING)
        screen.frame(message("user", "sẵn sàng"))
        screen.show_closing(closing())
    screen_after = at.file.getvalue().rsplit("\x1b[2K", 1)[-1]  # type: ignore[attr-defined]
    assert "turn 0/10" not in screen_after
    assert "Completed" in screen_after

"""What is told is the same for every kind of output."""

import pytest

from cli.output import (
    MessageTally,
    describe_note,
    describe_sources,
    format_error,
    resume_command,
)
from graph.stream.cursor import Cursor
from graph.stream.live import Frame


def test_resume_command_can_be_pasted() -> None:
    places = {"--database": "sqlite:///my file.db", "--bots": None}
    assert resume_command("id", places) == "duologue resume id --database 'sqlite:///my file.db'"


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "Error: no\treason (bot_timeout)".replace("\t", " ")),
        ({"attempts": 1}, "Error: no reason (bot_timeout)"),
        ({"attempts": 3}, "Error: no reason (bot_timeout, 3 attempts)"),
    ],
)
def test_error_is_one_line(facts: dict[str, int], line: str) -> None:
    assert format_error({"error": "no\n reason", "code": "bot_timeout", **facts}) == line


def test_tally_keeps_the_last_error_and_the_end() -> None:
    tally = MessageTally()
    for event in ("message", "message", "error", "done"):
        tally.note(Frame(event, {"of": event}, Cursor()))
    assert (tally.messages, tally.error, tally.done) == (2, {"of": "error"}, {"of": "done"})


def test_plain_statuses_are_no_notes() -> None:
    assert describe_note(Frame("status", {"status": "sending"}, Cursor())) is None
    assert describe_note(Frame("token", {"content": "x"}, Cursor())) is None


def test_a_line_tells_from_where_it_was_looked_up() -> None:
    sources = [{"file": "a.pdf", "page": 2}, {"file": "b.md", "page": None}]
    assert describe_sources({"sources": sources}) == "Sources: a.pdf, 2; b.md"
    assert describe_sources({}) is None

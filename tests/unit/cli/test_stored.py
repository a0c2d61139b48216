"""Stored conversations as they are shown."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from cli.rows import format_remark, row_columns
from cli.stored import format_facts, format_transcript
from cli.tables import format_age, print_bots, print_list, print_transcript
from core.ends import Status
from core.message import new_message
from graph.presentation import summarize
from graph.storage.conversation import Conversation

ERROR = {"error": "Robot (http://x) is down", "code": "bot_unreachable"}


def row(**changes: Any) -> Conversation:
    facts: dict[str, Any] = dict.fromkeys(Conversation.__dataclass_fields__)
    facts |= {"id": "the-id", "bot_id": "16", "seat": "scripted", "status": Status.COMPLETED}
    facts |= {
        "turn": 1,
        "max_turns": 2,
        "runs": 1,
        "scenario": {},
        "end_reason": "bot_ended",
    }
    facts |= {
        "created_at": "2026-11-20T15:15:30.767Z",
        "updated_at": "2026-11-20T15:16:00.000Z",
    }
    return Conversation(**(facts | changes))


USER = new_message("user", "sẵn sàng", index=0, turn=1, origin="scripted")
BOT = new_message("assistant", "Chào!", index=1, turn=1, origin="bot", latency_ms=12)


def console() -> Console:
    return Console(file=io.StringIO(), record=True, width=90)


def test_transcript_has_speakers_turns_origins_and_latency() -> None:
    assert list(format_transcript(row(), [USER, BOT])) == [
        "Conversation the-id",
        "Status: completed (bot_ended), turn 1 of 2",
        "Speakers: bot 16, scripted user",
        "Begun 2026-11-20T15:15:30.767Z, changed 2026-11-20T15:16:00.000Z",
        "",
        "User: sẵn sàng",
        "    turn 1, scripted",
        "Bot: Chào!",
        "    turn 1, bot, 12 ms",
    ]


def test_an_aim_stands_beside_the_line_that_reached_it() -> None:
    line = new_message("user", "tea", index=0, turn=1, origin="simulated")
    assert format_remark({**line, "aims": ["orders tea"]}) == (
        "turn 1, simulated, Aim reached: orders tea"
    )


def test_bot_of_a_prompt_is_not_given_an_id_that_never_spoke() -> None:
    prompted = row(scenario={"bot_prompt": "You are a shop."})
    assert row_columns(prompted)[3] == "(prompt)"
    assert "Speakers: bot (prompt), scripted user" in list(format_facts(prompted))
    assert (summarize(prompted)["by_prompt"], summarize(row())["by_prompt"]) == (True, False)


def test_error_persona_and_parent_are_told() -> None:
    told = list(format_facts(row(error=ERROR, persona="shy", parent_id="other", forked_at=3)))
    assert "Speakers: bot 16, scripted user, persona shy" in told
    assert told[-2:] == [
        "Forked from other at message 3",
        "Error: Robot (http://x) is down (bot_unreachable)",
    ]


def test_given_lines_stand_before_the_first_turn() -> None:
    line = new_message("user", "x", index=0, turn=0, origin="given")
    assert format_remark(line) == "before turn 1, given"


def test_list_says_why_it_ended_or_what_broke() -> None:
    assert row_columns(row())[-1] == "bot_ended"
    assert row_columns(row(error=ERROR))[-1] == "bot_unreachable"


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ("2026-11-20T15:15:30Z", "0 s"),
        ("2026-11-20T15:16:29Z", "58 s"),
        ("2026-11-20T15:17:00Z", "1 min"),
        ("2026-11-20T18:16:00Z", "3 h"),
        ("2026-11-22T18:16:00Z", "2 d"),
    ],
)
def test_age_is_told_in_one_unit(now: str, text: str) -> None:
    passed = datetime.fromisoformat(now).astimezone(UTC)
    assert format_age("2026-11-20T15:15:30.767Z", passed) == text


def test_tables_hold_whole_ids_and_all_facts() -> None:
    at, id = console(), "7ea35c5f-0708-4472-a619-1fd63d21edf1"
    print_list([row(id=id)], at)
    text = at.export_text(clear=True)
    assert id in text
    assert "completed" in text
    print_list([], at)
    assert at.export_text() == "No conversations yet.\n"


def test_transcript_on_a_terminal_has_the_same_facts() -> None:
    at = console()
    print_transcript(list(format_facts(row(error=ERROR))), [USER, BOT], at)
    text = at.export_text()
    assert "Error: Robot (http://x) is down (bot_unreachable)" in text
    assert "Bot  Chào!" in text
    assert "turn 1, bot, 12 ms" in text


def test_bots_show_what_they_lack() -> None:
    at = console()
    known = ["9", "openai", "Talker", "http://x/v1", "SOME_KEY", "2026-11", "ours", "no"]
    print_bots([known], at)
    assert "SOME_KEY" in at.export_text()

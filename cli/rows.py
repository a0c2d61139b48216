"""What there is to say of a conversation or a line, as plain texts."""

from cli.output import describe_aims, describe_sources
from core.message import Message
from core.text import show_in_one_line
from graph.presentation import is_played_by_prompt
from graph.storage.conversation import Conversation


def row_columns(row: Conversation) -> list[str]:
    """One row of the list."""
    code = (row.error or {}).get("code", "")
    why = code or row.end_reason or ""
    turns = f"{row.turn}/{row.max_turns}"
    return [row.id, row.status.value, turns, bot_label(row), row.seat, row.created_at, why]


def bot_label(row: Conversation) -> str:
    """The bot's id; a prompt's bot has none, and no id has parentheses."""
    return "(prompt)" if is_played_by_prompt(row) else row.bot_id


def format_remark(line: Message) -> str:
    """Turn, origin and latency of a line, the aims that were reached with it and its sources."""
    latency = line.get("latency_ms")
    turn = f"turn {line['turn']}" if line["turn"] else "before turn 1"
    aims = show_in_one_line(describe_aims(line) or "")
    places = show_in_one_line(describe_sources(line) or "")
    parts = [turn, line["origin"], f"{latency} ms" if latency is not None else "", aims, places]
    return ", ".join(part for part in parts if part)

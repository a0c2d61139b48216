"""What there is to say of a conversation or a line, as plain texts."""

from api.present import by_prompt
from core.state import Message
from graph.storage.conversation import Conversation


def columns(row: Conversation) -> list[str]:
    """One row of the list."""
    code = (row.error or {}).get("code", "")
    why = code or row.end_reason or ""
    turns = f"{row.turn}/{row.max_turns}"
    return [row.id, row.status.value, turns, bot_of(row), row.seat, row.created_at, why]


def bot_of(row: Conversation) -> str:
    """The bot's id; a prompt's bot has none, and no id has parentheses."""
    return "(prompt)" if by_prompt(row) else row.bot_id


def remark(line: Message) -> str:
    """Turn, origin and latency of a line."""
    latency = line.get("latency_ms")
    turn = f"turn {line['turn']}" if line["turn"] else "before turn 1"
    parts = [turn, line["origin"], f"{latency} ms" if latency is not None else ""]
    return ", ".join(part for part in parts if part)

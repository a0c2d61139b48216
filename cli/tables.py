"""Stored conversations and bots, for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.rows import format_remark, row_columns
from cli.screen import build_row
from core.message import Message
from core.parts import read_out
from core.text import show_controls
from graph.storage.conversation import Conversation

_COLOURS = {"completed": "green", "interrupted": "red", "running": "cyan"}


def print_transcript(
    facts: Sequence[str], messages: Sequence[Message], console: Console | None = None
) -> None:
    console = console or Console(highlight=False)
    for fact in facts:
        style = "red" if fact.startswith("Error:") else "dim"
        console.print(Text(show_controls(fact), style), soft_wrap=True)
    console.print()
    for line in messages:
        console.print(build_row(line["role"], read_out(line), format_remark(line)))


def print_list(rows: Sequence[Conversation], console: Console | None = None) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("conversation", "status", "turns", "age"):
        table.add_column(name, no_wrap=True)
    for name in ("bot", "why"):
        table.add_column(name, overflow="fold")
    for row in rows:
        id, status, turns, bot, _seat, begun, why = row_columns(row)
        coloured = Text(status, _COLOURS.get(status, "yellow"))
        table.add_row(id, coloured, turns, format_age(begun), Text(bot), Text(why))
    console = console or Console(highlight=False)
    console.print(table if rows else "No conversations yet.")


def print_bots(rows: Sequence[Sequence[str]], console: Console | None = None) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("bot", "kind", "name", "where", "version", "memory", "side effects", "needs"):
        table.add_column(name, overflow="fold")
    for id, kind, name, where, needs, version, memory, effects in rows:
        told = [Text(show_controls(text)) for text in (name, where, version)]
        table.add_row(id, kind, *told, memory, effects, Text(needs, "red"))
    (console or Console(highlight=False)).print(table)


def format_age(timestamp: str, now: datetime | None = None) -> str:
    """How long ago that was, in one unit."""
    passed = (now or datetime.now(UTC)) - datetime.fromisoformat(timestamp)
    seconds = max(0, int(passed.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"

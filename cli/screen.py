"""The conversation live in a terminal: what is said stays, the line being said grows below it."""

from time import monotonic
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.output import (
    SPEAKERS,
    RunEnd,
    RunStart,
    describe_aims,
    describe_note,
    describe_sources,
    format_error,
)
from core.message import Role
from core.parts import read_out
from core.text import show_controls
from graph.stream.live import Frame

STYLES: dict[Role, str] = {"user": "bold cyan", "assistant": "bold green"}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LONGEST_PREVIEW = 4000


def build_row(role: Role, text: str | Text, remark: str = "") -> Table:
    """Who, what, and on the right a remark."""
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=4, no_wrap=True)
    row.add_column(ratio=1, overflow="fold")
    row.add_column(justify="right", no_wrap=True, style="dim")
    body = Text(show_controls(text)) if isinstance(text, str) else text
    row.add_row(Text(SPEAKERS[role], STYLES[role]), body, remark)
    return row


def format_latency(latency_ms: int | None) -> str:
    """A latency as a person reads it."""
    if latency_ms is None:
        return ""
    return f"{latency_ms} ms" if latency_ms < 1000 else f"{latency_ms / 1000:.1f} s"


class Screen:
    """Lines that were said stand in the scroll-back; below them what happens now."""

    def __init__(self, console: Console, err: Console) -> None:
        self._console, self._err = console, err
        self._began = monotonic()
        self._bot, self._turn, self._max_turns = "", 0, 0
        self._doing, self._saying = "starting", ""
        self._role: Role = "user"
        self._live = Live(
            get_renderable=self._render_now, console=console, refresh_per_second=12, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show_opening(self, opening: RunStart) -> None:
        self._bot, self._turn, self._max_turns = opening.bot, opening.turn, opening.max_turns
        self._console.print(Text.assemble("Conversation ", (opening.id, "bold")), soft_wrap=True)
        who = f"{opening.bot}, {opening.user}, {opening.max_turns} turns"
        self._console.print(Text(show_controls(who), "dim"))
        for note in opening.notes:
            self._console.print(Text(show_controls(note), "yellow"))
        self._console.print()

    def frame(self, frame: Frame) -> None:
        data = frame.data
        if note := describe_note(frame):
            self._console.print(Text(show_controls(note), "yellow"))
        match frame.event:
            case "token":
                self._role, self._saying = data["role"], self._saying + data["content"]
            case "reset" | "discarded":
                self._saying = ""
            case "status":
                self._turn, self._doing = _shown_turn(data), _doing(data, self._bot)
            case "message":
                self._saying, self._turn = "", data["turn"]
                self._console.print(
                    build_row(data["role"], read_out(data), format_latency(data["latency_ms"]))
                )
                if aims := describe_aims(data):
                    self._console.print(Text(show_controls(aims), "green"))
                if places := describe_sources(data):
                    self._console.print(Text(show_controls(places), "dim"))

    def show_closing(self, closing: RunEnd) -> None:
        self._live.stop()
        style = {"completed": "green", "interrupted": "red"}.get(closing.status, "yellow")
        self._console.print()
        self._console.print(Text(closing.sentence.capitalize(), style))
        self._console.print(Text.assemble("Conversation ", (closing.id, "bold")), soft_wrap=True)
        if closing.error:
            line = Text(show_controls(format_error(closing.error)), "red")
            self._err.print(line, soft_wrap=True)
        if closing.resume:
            console = self._err if closing.error else self._console
            console.print(Text(f"Go on with: {closing.resume}"), soft_wrap=True)

    # --- what happens now -------------------------------------------------------------------

    def _render_now(self) -> RenderableType:
        status = self._render_status()
        return Group(self._render_preview(), status) if self._saying else status

    def _render_status(self) -> Text:
        seconds = monotonic() - self._began
        frame = FRAMES[int(seconds * 12) % len(FRAMES)]
        place = f"turn {self._turn}/{self._max_turns} · {seconds:.0f} s"
        text = f"{frame} {place} · {show_controls(self._doing)}"
        return Text(text, "dim", no_wrap=True, overflow="ellipsis")

    def _render_preview(self) -> Table:
        """The end of the line being said, as much as there is room for."""
        width, height = self._console.size
        text = Text(show_controls(self._saying[-LONGEST_PREVIEW:]))
        lines = text.wrap(self._console, max(10, width - 8), overflow="fold")
        return build_row(self._role, Text("\n").join(lines[-max(1, height - 3) :]))


def _shown_turn(data: dict[str, Any]) -> int:
    """The turn that is being done: what the user thinks about belongs to the one that comes."""
    turn = int(data["turn"]) + (data.get("speaker") == "user")
    return min(turn, int(data["max_turns"]))


def _doing(data: dict[str, Any], bot: str) -> str:
    doing = {"sending": f"{bot} is answering", "retrying": "waiting before the next attempt"}
    return doing.get(data["status"]) or str(data["message"])

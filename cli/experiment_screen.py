"""An experiment live in a terminal: a bar, the outcomes so far, and each cell as it fills."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.experiment_output import (
    describe_opening,
    describe_plan,
    describe_progress,
    describe_result,
)
from cli.experiment_texts import speak
from core.text import show_controls
from evaluation.cells import ResolvedSuite
from evaluation.experiments.events import Event
from evaluation.results import ExperimentDocument
from graph.storage.experiment_rows import ExperimentRow

MARKS = {"passed": ("●", "green"), "failed": ("✗", "bold red"), "broken": ("!", "magenta")}
MARKS |= {"unjudged": ("?", "yellow"), "skipped": ("–", "dim")}
MOST_CELLS = 24
_STYLES = {"  ✗": "red", "Broken": "magenta", "  pass": "red", "  fail": "green", "Exit": "bold"}
_STYLES |= {"Hỏng": "magenta", "  đạt →": "red", "  không đạt →": "green", "Mã thoát": "bold"}


class LiveExperiment:
    """The cells that changed last stand in a table that is redrawn; the result stays."""

    def __init__(self, console: Console, language: str = "en") -> None:
        self._console, self._language = console, language
        self._cells: dict[str, dict[int, str]] = {}
        self._progress: Mapping[str, Any] = {}
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def plan(self, suites: Sequence[ResolvedSuite]) -> int:
        for suite in suites:
            for line in describe_plan(suite, self._language):
                self._console.print(Text(show_controls(line)))
        return 0

    def show_opening(self, row: ExperimentRow) -> None:
        self._console.print(
            Text(show_controls(describe_opening(row, self._language)), "bold"), soft_wrap=True
        )

    def event(self, event: Event) -> None:
        if event.event == "trial":
            data = event.data
            key = f"{data['scenario']}/{data.get('persona') or '-'}/{data['bot']}"
            cell = self._cells.pop(key, {})  # what changed last comes last
            cell[data["repeat"]] = data.get("outcome") or "running"
            self._cells[key] = cell
        elif event.event == "progress":
            self._progress = event.data

    def show_closing(self, document: ExperimentDocument, written: Sequence[str]) -> None:
        for line in describe_result(document, self._language, written):
            style = next((style for start, style in _STYLES.items() if line.startswith(start)), "")
            self._console.print(Text(show_controls(line), style), soft_wrap=True)

    def _render(self) -> RenderableType:
        if not self._progress:
            return Text(speak(self._language)("starting"), "dim")
        bar = ProgressBar(self._progress["total"], self._progress["finished"], width=40)
        table = Table.grid(padding=(0, 2))
        for key in list(self._cells)[-MOST_CELLS:]:
            table.add_row(Text(show_controls(key)), _draw_cell(self._cells[key]))
        return Group(table, bar, Text(describe_progress(self._progress, self._language), "dim"))


def _draw_cell(cell: Mapping[int, str]) -> Text:
    """One mark for each repeat; its letter says the same as its colour."""
    drawn = Text()
    for repeat in sorted(cell):
        mark, style = MARKS.get(cell[repeat], ("·", "dim"))
        drawn.append(mark, style)
    return drawn

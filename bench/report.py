"""Rows of figures: medians with their spread, beside the goal, as text and JSON."""

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One figure of one system. `goal` is what the median is held against, if anything is."""

    name: str
    system: str
    unit: str
    values: list[float]
    goal: float | None = None
    at_least: bool = False
    note: str = ""
    median: float = field(init=False)

    def __post_init__(self) -> None:
        self.median = statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        if self.goal is None:
            return None
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    @property
    def spread(self) -> str:
        return f"{format_figure(min(self.values))} – {format_figure(max(self.values))}"

    def line(self) -> list[str]:
        sign = "≥" if self.at_least else "≤"
        goal = "" if self.goal is None else f"{sign} {format_figure(self.goal)}"
        held = {None: "", True: "holds", False: "MISSED"}[self.holds]
        spread = self.spread if len(self.values) > 1 else ""
        figures = [format_figure(self.median), self.unit, spread, goal, held, self.note]
        return [self.name, self.system, *figures]


def format_figure(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


HEAD = ("figure", "system", "median", "unit", "spread", "goal", "", "note")


class Report:
    """Collects rows as they come, each printed at once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.began = time.time()

    def add(
        self,
        name: str,
        system: str,
        unit: str,
        values: Sequence[float | None],
        **more: Any,
    ) -> Row | None:
        """Nothing is added where nothing was measured."""
        found = [float(value) for value in values if value is not None]
        if not found:
            return None
        row = Row(name, system, unit, found, **more)
        self.rows.append(row)
        print("  ".join(part for part in row.line() if part), flush=True)
        return row

    def median(self, name: str, system: str) -> float | None:
        found = [row.median for row in self.rows if (row.name, row.system) == (name, system)]
        return found[0] if found else None

    def facts(self) -> dict[str, Any]:
        rows = [{**asdict(row), "holds": row.holds} for row in self.rows]
        return {
            "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "seconds": round(time.time() - self.began),
            "machine": {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "system": platform.system(),
                "load": [round(load, 2) for load in os.getloadavg()],
            },
            "rows": rows,
        }

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.facts(), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    def table(self) -> str:
        return table([row.line() for row in self.rows], HEAD)


def table(lines: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Columns, as wide as what stands in them; figures to the right."""
    widths = [max(len(line[at]) for line in [head, *lines]) for at in range(len(head))]
    right = {head.index("median")}

    def one(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([one(head), one(["-" * width for width in widths]), *map(one, lines)])

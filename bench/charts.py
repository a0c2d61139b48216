"""Charts as plain SVG: bars with their figures, readable on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bench.report import format_figure

WIDTH, BAR, GAP, LEFT, RIGHT, TOP = 760, 22, 10, 210, 90, 64
OURS, THEIRS, TEXT, FAINT = "#2563eb", "#9ca3af", "#374151", "#6b7280"
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    f"font-size:13px;fill:{TEXT}}}.h{{font-size:16px;font-weight:600}}.f{{fill:{FAINT};font-size:12px}}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.f{fill:#9ca3af}}"
)


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    note: str = ""

    @property
    def ours(self) -> bool:
        return self.label.startswith("duologue")


def bars(title: str, told: str, values: Sequence[Bar], goal: float | None = None) -> str:
    """A horizontal bar for each value, with a line where the goal is."""
    height = TOP + len(values) * (BAR + GAP) + 20
    longest = max([bar.value for bar in values] + ([goal] if goal else []))
    scale = (WIDTH - LEFT - RIGHT) / longest
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="h" x="12" y="24">{escape(title)}</text>',
        f'<text class="f" x="12" y="44">{escape(told)}</text>',
    ]
    for at, bar in enumerate(values):
        y, length = TOP + at * (BAR + GAP), max(1.0, bar.value * scale)
        colour, middle = OURS if bar.ours else THEIRS, y + BAR * 0.7
        figure = f"{format_figure(bar.value)} {bar.note}".strip()
        parts += [
            f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + length + 8:.1f}" y="{middle:.0f}">{escape(figure)}</text>',
        ]
    if goal:
        x, foot = LEFT + goal * scale, height - 14
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{foot}" stroke="#dc2626"/>',
            f'<text class="f" x="{x + 5:.1f}" y="{foot + 8}">goal {format_figure(goal)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw(facts: dict[str, Any], folder: Path) -> None:
    """The charts of docs/performance.md, from one result."""
    folder.mkdir(parents=True, exist_ok=True)

    def found(name: str) -> list[Bar]:
        rows = [row for row in facts["rows"] if row["name"] == name]
        return [Bar(row["system"], row["median"]) for row in rows]

    day = facts["measured_at"][:10]
    told = f"{facts['machine']['cores']} cores, one process each, measured {day}"
    charts = [
        ("bench-cpu", "CPU a turn, 10 at once", "ms; less is better", 4.0),
        ("bench-100", "turns/s, 100 at once", "128 would be ideal; more is better", None),
        ("bench-1000", "turns/s, 1000 at once", "1,282 would be ideal; more is better", 300.0),
        ("bench-memory", "memory a live conversation, of 1000", "kB; less is better", 100.0),
    ]
    for file, name, unit, goal in charts:
        values = found(name)
        if values:
            svg = bars(name, f"{unit} · {told}", values, goal)
            (folder / f"{file}.svg").write_text(svg, encoding="utf-8")

"""How long each speaker took, turn by turn, drawn as SVG: no plotting library is loaded."""

from collections.abc import Sequence
from html import escape
from statistics import median

from ui.texts import Words
from ui.transcript import Bubble

WIDTH, HEIGHT, FOOT, LEFT = 300, 120, 16, 30
BARS = 30  # of each speaker


def collect_latencies(bubbles: Sequence[Bubble], role: str) -> list[tuple[int, int]]:
    """(turn, milliseconds) of each line whose time is known; one figure a turn."""
    known: dict[int, int] = {}
    for line in bubbles:
        if line.role == role and line.latency_ms is not None:
            known.setdefault(line.turn, line.latency_ms)
    return sorted(known.items())


def group_turns(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most `BARS` points: of a long conversation the median of every few turns in a row."""
    if len(points) <= BARS:
        return list(points)
    wide = -(-points[-1][0] // BARS)
    groups: dict[int, list[int]] = {}
    for turn, ms in points:
        groups.setdefault((turn - 1) // wide * wide + 1, []).append(ms)
    return [(turn, round(median(found))) for turn, found in groups.items()]


def render_plot(bubbles: Sequence[Bubble], words: Words) -> str:
    """Two rows of bars beside each other, with a table for those who hear the page."""
    series = {role: collect_latencies(bubbles, role) for role in ("user", "assistant")}
    if not any(series.values()):
        return f'<p class="quiet">{words("latency_none")}</p>'
    series = {role: group_turns(points) for role, points in series.items()}
    turns = sorted({turn for points in series.values() for turn, _ in points})
    top = max(max((ms for points in series.values() for _, ms in points), default=0), 100)
    shifts = (-1.0, 0.0) if all(series.values()) else (-0.5, -0.5)
    bars = "".join(
        _render_bars(series[role], role, turns, (top, shift), words)
        for role, shift in zip(series, shifts, strict=True)
    )
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(words("latency"))}">{_render_axes(turns, top, words)}{bars}</svg>'
        f"{_render_legend(series, words)}"
    )


def _bar_step(turns: Sequence[int]) -> float:
    return (WIDTH - LEFT) / max(len(turns), 6)


def _render_bars(
    points: Sequence[tuple[int, int]],
    role: str,
    turns: Sequence[int],
    scale: tuple[int, float],
    words: Words,
) -> str:
    top, shift = scale
    step, room = _bar_step(turns), HEIGHT - FOOT - 6
    wide = max(min(step * 0.36, 12), 0.5)
    drawn = []
    for turn, ms in points:
        x = LEFT + step * (turns.index(turn) + 0.5) + shift * wide
        tall = max(ms / top * room, 1.5)
        y = HEIGHT - FOOT - tall
        name = words("user" if role == "user" else "bot_name")
        title = f"{turn} · {name} · {words.format_seconds(ms)}"
        drawn.append(
            f'<rect class="bar {role}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" rx="1"><title>{title}</title></rect>'
        )
    return "".join(drawn)


def _render_axes(turns: Sequence[int], top: int, words: Words) -> str:
    base, step = HEIGHT - FOOT, _bar_step(turns)
    every = max(1, len(turns) // 8 + (len(turns) > 8))
    marks = "".join(
        f'<text x="{LEFT + step * (at + 0.5):.1f}" y="{HEIGHT - 3}" text-anchor="middle">{turn}'
        "</text>"
        for at, turn in enumerate(turns)
        if at % every == 0
    )
    return (
        f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH}" y2="{base}"/>'
        f'<line class="grid" x1="{LEFT}" y1="6" x2="{WIDTH}" y2="6"/>'
        f'<text x="{LEFT - 4}" y="10" text-anchor="end">{words.format_seconds(top)}</text>'
        f'<text x="{LEFT - 4}" y="{base}" text-anchor="end">0</text>{marks}'
    )


def _render_legend(series: dict[str, list[tuple[int, int]]], words: Words) -> str:
    parts = []
    for role, points in series.items():
        if points:
            label = words("user_latency" if role == "user" else "bot_latency")
            middle = words.format_seconds(median(ms for _, ms in points))
            parts.append(
                f'<li><i class="swatch {role}"></i>{label} <b>{middle}</b> '
                f'<span class="quiet">({words("median")})</span></li>'
            )
    return f'<ul class="legend">{"".join(parts)}</ul>'

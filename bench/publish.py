"""Writes the last results into docs: `python -m bench.publish RESULT.json …`.

Several results of one machine become one table: the median of all values, their whole spread,
so that what is noise can be told from what is not.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.charts import draw
from bench.processes import ROOT
from bench.report import Row, format_figure

PAGE = ROOT / "docs" / "performance.md"
RESULT = ROOT / "docs" / "bench.json"
DAY_S, CONVERSATIONS, TURNS, PEAK, BUSY = 86_400, 10_000_000, 10, 3, 0.6


def merge(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One result of several: all values of a row together."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results:
        for row in result["rows"]:
            key = (row["name"], row["system"])
            known = rows.setdefault(key, {**row, "values": [], "runs": []})
            known["values"] += row["values"]
            known["runs"].append(row["median"])
    for row in rows.values():
        row["median"] = statistics.median(row["values"])
        held = row["median"] >= row["goal"] if row["at_least"] and row["goal"] else None
        if row["goal"] is not None and not row["at_least"]:
            held = row["median"] <= row["goal"]
        row["holds"] = held
    last = results[-1]
    return {**last, "runs": len(results), "rows": list(rows.values())}


def markdown(facts: dict[str, Any]) -> str:
    """The table, with each run's median beside the median of all."""
    runs = facts["runs"]
    names = [f"run {at + 1}" for at in range(runs)]
    head = ["figure", "system", "unit", *names, "median", "spread", "goal", ""]
    lines = [head, ["---", "---", "---", *["--:"] * (runs + 1), "--:", "--:", "---"]]
    for row in facts["rows"]:
        told = Row(
            row["name"],
            row["system"],
            row["unit"],
            row["values"],
            goal=row["goal"],
            at_least=row["at_least"],
        )
        sign = "≥" if row["at_least"] else "≤"
        goal = "" if row["goal"] is None else f"{sign} {format_figure(row['goal'])}"
        held = {None: "", True: "holds", False: "**missed**"}[told.holds]
        each = [format_figure(value) for value in row["runs"]]
        each += [""] * (runs - len(each))
        figures = [*each, format_figure(told.median), told.spread, goal, held]
        lines.append([row["name"], row["system"], row["unit"], *figures])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fleet(facts: dict[str, Any]) -> str:
    """What the figures mean for many machines, worked out from the medians."""

    def median(name: str, system: str) -> float:
        found = [
            row["median"] for row in facts["rows"] if (row["name"], row["system"]) == (name, system)
        ]
        return float(found[0]) if found else float("nan")

    able = median("turns a CPU second, 1000 at once", "duologue, HTTP")
    weight = median("database bytes a turn, 50 turns", "duologue")
    memory = median("memory a live conversation, of 1000", "duologue, HTTP")
    turns = CONVERSATIONS * TURNS
    rate = turns / DAY_S
    cores = rate * PEAK / (able * BUSY)
    live = CONVERSATIONS * 60 / DAY_S * PEAK
    lines = [
        ("turns/s a core, through HTTP with a follower each", f"{able:.0f}"),
        ("cores for 1,000 live conversations, a turn every 6 s", f"{1000 / 6 / able:.1f}"),
        ("cores for 1,000 live at the pace above, one every 0.78 s", f"{1282 / able:.1f}"),
        ("database for a million turns", f"{weight / 1000:.1f} GB"),
        (f"**10 million conversations a day** of {TURNS} turns: mean", f"{rate:,.0f} turns/s"),
        (f"at a peak of {PEAK} times that", f"{rate * PEAK:,.0f} turns/s"),
        (f"cores at the peak, {100 * BUSY:.0f} % busy", f"{cores:.0f}"),
        ("live at the peak, a minute each", f"{live:,.0f}"),
        ("their memory", f"{live * memory / 1e6:.1f} GB"),
        ("written a day", f"{turns * weight / 1e9:,.0f} GB"),
    ]
    return "\n".join(
        ["| to hold | figure |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in lines)]
    )


def main(paths: list[str]) -> int:
    results = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    facts = merge(results)
    RESULT.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(facts, ROOT / "docs" / "images")
    text = PAGE.read_text(encoding="utf-8")
    for mark, new in (("figures", markdown(facts)), ("fleet", fleet(facts))):
        begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{new}\n\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [str(ROOT / "bench" / "results" / "latest.json")]))

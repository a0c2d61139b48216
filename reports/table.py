"""CSV for spreadsheets, a row per trial."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from reports.texts import Language
from reports.trials import Data, explain
from reports.wording import Wording

COLUMNS = (
    "experiment",
    "bot",
    "version",
    "scenario",
    "persona",
    "repeat",
    "outcome",
    "reason",
    "turns",
    "end_reason",
    "seconds",
    "slowest_reply_ms",
    "cost_usd",
    "conversation_id",
    "reproduce",
)
_BOM = "\ufeff"  # without it Excel reads Vietnamese as Latin-1
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render(document: Mapping[str, Any], language: Language = "en") -> str:
    """All trials as CSV, reasons in `language`. No text of a bot or a file is ever taken for a
    formula.
    """
    out = io.StringIO()
    out.write(_BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    words = Wording(document, language)
    versions = {bot["id"]: bot["version"] for bot in document["suite"]["bots"]}
    experiment = document["experiment"]["id"]
    for trial in document["trials"]:
        row = {
            "experiment": experiment,
            "bot": trial["bot"],
            "version": versions.get(trial["bot"]),
            "scenario": words.name("scenario", trial["scenario"]),
            "persona": words.name("persona", trial["persona"]),
            "reason": explain(trial, words.reason),
            **_figures(trial),
        }
        writer.writerow([guard(row[column]) for column in COLUMNS])
    return out.getvalue()


def _figures(trial: Data) -> dict[str, Any]:
    taken = ("repeat", "turns", "end_reason", "seconds", "conversation_id", "reproduce")
    costs = [spending["cost_usd"] for spending in trial["spending"].values()]
    return {
        **{name: trial[name] for name in taken},
        "outcome": trial["outcome"] or "pending",
        "slowest_reply_ms": max(trial["latencies_ms"], default=None),
        "cost_usd": None if None in costs or not costs else round(sum(costs), 6),
    }


def guard(value: Any) -> Any:
    """A text that a spreadsheet would calculate gets an apostrophe before it."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value

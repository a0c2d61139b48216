"""JSON, and one line per trial for programs that read results as they come."""

import json
from collections.abc import Mapping
from typing import Any


def render_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def render_lines(document: Mapping[str, Any]) -> str:
    """results.jsonl of an experiment whose trials have ended."""
    experiment = document["experiment"]["id"]
    return "".join(
        render_line(trial, experiment)
        for trial in document["trials"]
        if trial["outcome"] is not None
    )


def render_line(trial: Mapping[str, Any], experiment: str) -> str:
    """One line of results.jsonl: the trial without its transcript, which the conversation has."""
    kept = {name: value for name, value in trial.items() if name != "lines"}
    return json.dumps({"experiment": experiment, **kept}, ensure_ascii=False) + "\n"

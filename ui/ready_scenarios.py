"""Scenarios that start with one click, while nothing was talked about yet."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ui.texts import Words

Scenario = Mapping[str, Any]
DEMO = {"bot_id": 16, "user": "scripted", "pace": "normal"}
READY: dict[str, Scenario] = {
    "lesson": {**DEMO, "max_turns": 8},
    "wrong": {**DEMO, "persona": "wrong", "max_turns": 8},
    "yourself": {"bot_id": 16, "user": "human", "max_turns": 20, "pace": "normal"},
}


def render_ready(words: Words) -> str:
    """One card a scenario."""
    cards = "".join(
        f'<button type="button" data-ready="{name}"><b>{escape(words(f"ready_{name}"))}</b>'
        f"<span>{escape(words(f'ready_{name}_text'))}</span></button>"
        for name in READY
    )
    return f'<h2>{escape(words("ready_title"))}</h2><div class="ready-cards">{cards}</div>'

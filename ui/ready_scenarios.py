"""Scenarios that start with one click, while little was talked about yet."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ui.texts import Words

Scenario = Mapping[str, Any]
FEW = 10  # conversations, of whoever is still finding out what this is
DEMO = {"bot_id": 16, "user": "scripted", "pace": "normal"}
READY: dict[str, Scenario] = {
    "lesson": {**DEMO, "max_turns": 8},
    "wrong": {**DEMO, "persona": "wrong", "max_turns": 8},
    "yourself": {"bot_id": 16, "user": "human", "max_turns": 20, "pace": "normal"},
}


def render_ready(conversations: int, words: Words) -> str:
    """One card a scenario; folded once there is a conversation, nothing once there are many."""
    if conversations >= FEW:
        return ""
    if not conversations:
        return f"<h2>{escape(words('ready_title'))}</h2>{_render_cards(words)}"
    summary = f"<summary>{escape(words('ready_again'))}</summary>"
    return f"<details>{summary}{_render_cards(words)}</details>"


def _render_cards(words: Words) -> str:
    cards = "".join(
        f'<button type="button" data-ready="{name}"><b>{escape(words(f"ready_{name}"))}</b>'
        f"<span>{escape(words(f'ready_{name}_text'))}</span></button>"
        for name in READY
    )
    return f'<div class="ready-cards">{cards}</div>'

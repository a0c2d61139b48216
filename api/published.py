"""The OpenAPI document of this very server: it names the bots and personas that are configured.

What one server takes another refuses, so a document that only said "a text" would not be true.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from graph.runs.service import RunService

_ASKED = ("CreateConversation", "Simulate", "Fork", "OpenSession", "Change", "NextLine")
_NULL = {"type": "null"}

# A history as the old service took it: the JSON text of a list of lines.
_GAP = r"[ \t\n\r]*"
_INK = r"""(?:[^"\\\s\x00-\x1f]|\\["\\/])"""
_TEXT = rf"""(?:{_INK}| |\\[bfnrt]|\\u[0-9a-fA-F]{{4}})*"""
_ROLE = rf"""\"role\"{_GAP}:{_GAP}\"(?:user|assistant)\""""
_CONTENT = rf"""\"content\"{_GAP}:{_GAP}\"{_TEXT}{_INK}{_TEXT}\""""
_PAIR = rf"(?:{_ROLE}{_GAP},{_GAP}{_CONTENT}|{_CONTENT}{_GAP},{_GAP}{_ROLE})"
_LINE = rf"\{{{_GAP}{_PAIR}{_GAP}\}}"
_LIST = rf"^{_GAP}(?:\[{_GAP}(?:{_LINE}(?:{_GAP},{_GAP}{_LINE})*{_GAP})?\]{_GAP})?$"


def publish(app: FastAPI) -> None:
    """Makes the app's document say what this process takes, once that is known."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        runs: RunService | None = getattr(app.state, "runs", None)
        if runs is not None and not document.get("x-narrowed"):
            document["x-narrowed"] = True
            schemas = document["components"]["schemas"]
            for name in _ASKED:
                _narrow(schemas[name]["properties"], _known_values(runs), runs.settings.max_turns)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _known_values(runs: RunService) -> dict[str, list[Any]]:
    """The values of each field that depend on the configuration."""
    bots = [*map(int, filter(_is_number, runs.speakers.bots)), *runs.speakers.bots]
    known: dict[str, list[Any]] = {"bot_id": bots, "persona": [*runs.speakers.personas, None]}
    if not runs.settings.has_model:
        known |= {"user": ["scripted", "human", None], "bot_prompt": [None]}
    return known


def _is_number(id: str) -> bool:
    """Whether the integer leads to that bot: 7 is not `007`."""
    return id.isascii() and id.isdecimal() and str(int(id)) == id and int(id) <= 2**53


def _narrow(properties: dict[str, Any], known: Mapping[str, list[Any]], most: int) -> None:
    for form in properties.get("history", {}).get("anyOf", ()):
        if form.get("type") == "string":
            form.update(pattern=_LIST, description="The JSON text of such a list.")
    turns = properties.get("max_turns", {})
    for form in (turns, *turns.get("anyOf", ())):
        form.update({n: min(form[n], most) for n in ("maximum", "default") if form.get(n)})
    for name, values in known.items():
        if name in properties:
            was = properties[name]
            nullable = _NULL in was.get("anyOf", ())
            kept = {key: was[key] for key in ("title", "description", "default") if key in was}
            fits = [value for value in values if value is not None or nullable]
            more = [None] if nullable and None not in fits else []
            properties[name] = {**kept, "enum": [*fits, *more]}

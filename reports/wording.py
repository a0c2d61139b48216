"""The language of one report: words, numbers and names."""

from collections.abc import Callable
from typing import Any

from reports.reasons import translate_reason
from reports.texts import (
    Language,
    translator,
    write_milliseconds,
    write_number,
    write_percent,
    write_seconds,
)
from reports.trials import Data, name_cells

View = dict[str, Any]
TONES = {
    "met": "good",
    "not_worse": "good",
    "not_met": "bad",
    "worse": "bad",
    "undecided": "warn",
    "not_comparable": "warn",
}


class Wording:
    """The language of one report: words, numbers and the names of what it is about."""

    def __init__(self, document: Data, language: Language) -> None:
        self.language = language
        self.say: Callable[..., str] = translator(language)
        self.names = name_cells(document)

    def name(self, kind: str, id: str) -> str:
        return self.names[kind].get(id, id)

    def place(self, data: Data) -> str:
        """Scenario and persona of a cell, a trial or a change."""
        scenario = self.name("scenario", data["scenario"])
        persona = data["persona"] and self.name("persona", data["persona"])
        return f"{scenario} · {persona}" if persona else scenario

    def sentence(self, sentence: Data) -> str:
        return str(sentence[self.language])

    def reason(self, verdict: Data) -> str:
        """Why a verdict is as it is; a judge's reason stays in the judge's words."""
        reason = str(verdict["reason"])
        is_ours = self.language == "vi" and verdict["kind"] == "check"
        return translate_reason(reason) if is_ours else reason

    def percent(self, share: float | None) -> str:
        return write_percent(share, self.language)

    def number(self, value: float | None, digits: int = 0) -> str:
        return write_number(value, self.language, digits)

    def seconds(self, value: float | None) -> str:
        return write_seconds(value, self.language)

    def milliseconds(self, value: float | None) -> str:
        return write_milliseconds(value, self.language)


def write_counts(rate: Data) -> str:
    return f"{rate['passed']}/{rate['judged']}"

"""The one-file HTML report: no script, no other file, light and dark, screen and paper."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.changes import view_comparison
from reports.failures import view_failures
from reports.texts import Language, write_time
from reports.trials import Data
from reports.views import (
    CellLink,
    link_failed,
    view_bots,
    view_conditions,
    view_cost,
    view_errors,
    view_header,
    view_heat,
    view_intervals,
    view_trials,
    view_unjudged,
    view_verdict,
)
from reports.wording import Wording

TEMPLATES = Path(__file__).with_name("templates")
MOST_ROWS = 1000
_TONES = {"worse": "bad", "not_worse": "good"}


def render_experiment(document: Mapping[str, Any], language: Language = "en") -> str:
    """An experiment document as one HTML file."""
    words = Wording(document, language)
    failures, omitted = view_failures(document, words)
    return _render(
        "experiment.html.jinja",
        document,
        words,
        **_view_figures(document, words, link_failed),
        failures=failures,
        omitted=omitted,
        trials=view_trials(document["trials"][:MOST_ROWS], words),
    )


def render_experiment_part(document: Mapping[str, Any], language: Language, link: CellLink) -> str:
    """The same for a page that has a frame of its own, of a document without trials.

    `link` says where a cell of the heat map leads.
    """
    words = Wording(document, language)
    given = _view_figures(document, words, link)
    return _render_part(
        "experiment_main.html.jinja", document, words, failures=[], omitted=0, trials=[], **given
    )


def _view_figures(document: Data, words: Wording, link: CellLink) -> dict[str, Any]:
    return {
        "header": view_header(document, words),
        "experiment": document["experiment"],
        "verdict": view_verdict(document, words),
        "bots": view_bots(document, words),
        "conditions": view_conditions(document, words),
        "comparisons": [view_comparison(one, words) for one in document["comparisons"]],
        "heat": view_heat(document, words, link),
        "intervals": view_intervals(document, words),
        "errors": view_errors(document, words),
        "unjudged": view_unjudged(document, words),
        "cost": view_cost(document, words),
        "notes": [words.sentence(note) for note in document["figures"]["notes"]],
    }


def render_comparison(document: Mapping[str, Any], language: Language = "en") -> str:
    """A comparison document as one HTML file: flips first."""
    words = Wording(document, language)
    return _render("comparison.html.jinja", document, words, **_view_sides(document, words))


def render_comparison_part(document: Mapping[str, Any], language: Language) -> str:
    """The same for a page that has a frame of its own."""
    words = Wording(document, language)
    given = _view_sides(document, words)
    return _render_part("comparison_main.html.jinja", document, words, **given)


def _view_sides(document: Data, words: Wording) -> dict[str, Any]:
    answer = document["answer"]
    verdict = {
        "title": words.say(answer),
        "tone": _TONES.get(answer, "warn"),
        "sentence": words.sentence(document["sentence"]),
        "exit_code": document["exit_code"],
        "reason": None,
    }
    return {
        "verdict": verdict,
        "base": document["base"],
        "head": document["head"],
        "comparisons": [view_comparison(one, words) for one in document["comparisons"]],
    }


def load_part_style(scope: str) -> str:
    """The style of parts below the selector `scope`; its colours are the page's."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return f"{scope} {{\n{style}\n}}"


def _render_part(part: str, document: Data, words: Wording, **given: Any) -> str:
    return _render("part.html.jinja", document, words, part=part, **given)


def _render(template: str, document: Data, words: Wording, **given: Any) -> str:
    return (
        _environment()
        .get_template(template)
        .render(
            language=words.language,
            say=words.say,
            suite=document["suite"],
            generated_at=write_time(document["generated_at"]),
            seconds=words.seconds,
            time=write_time,
            **given,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

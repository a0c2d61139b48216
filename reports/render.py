"""One door to all formats: plain JSON in, text out."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from reports import junit, markdown, page, records, table

Format = Literal["html", "junit", "json", "jsonl", "markdown", "csv"]
Language = Literal["en", "vi"]
Document = Mapping[str, Any]

MEDIA_TYPES: dict[Format, str] = {
    "html": "text/html; charset=utf-8",
    "junit": "application/xml",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "markdown": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
SUFFIXES: dict[Format, str] = {
    "html": ".html",
    "junit": ".xml",
    "json": ".json",
    "jsonl": ".jsonl",
    "markdown": ".md",
    "csv": ".csv",
}

_RENDERERS: dict[Format, Callable[[Document, Language], str]] = {
    "html": page.render_experiment,
    "junit": junit.render,
    "json": lambda document, _: records.render_json(document),
    "jsonl": lambda document, _: records.render_lines(document),
    "markdown": markdown.render_experiment,
    "csv": table.render,
}
_COMPARISONS: dict[Format, Callable[[Document, Language], str]] = {
    "html": page.render_comparison,
    "json": lambda document, _: records.render_json(document),
    "markdown": markdown.render_comparison,
}


def render_report(document: Document, format: Format, language: Language = "en") -> str:
    """An experiment document (docs/schemas/experiment.json) as text in that format."""
    return _RENDERERS[format](document, language)


def render_comparison(document: Document, format: Format, language: Language = "en") -> str:
    """A comparison document (docs/schemas/comparison.json) as HTML, Markdown or JSON.

    Raises ValueError for the other formats: they are lists of trials.
    """
    if format not in _COMPARISONS:
        raise ValueError(f"a comparison has no {format} report; there is html, markdown and json")
    return _COMPARISONS[format](document, language)

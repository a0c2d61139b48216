"""What was measured of a persona, as Markdown or as one HTML page."""

from collections.abc import Iterator, Mapping
from html import escape as escape_html
from typing import Any, Literal

from reports.markdown import escape

Document = Mapping[str, Any]
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #8885;padding:.4rem;text-align:left;vertical-align:top}"
)


def render_persona(document: Document, format: Literal["markdown", "html"]) -> str:
    """The figures of `duologue check-user` as a table of names and values."""
    return _render_html(document) if format == "html" else _render_markdown(document)


def list_rows(document: Document) -> Iterator[tuple[str, str]]:
    """Each figure with its value in words; a figure of several parts is a row each."""
    for name, value in document.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping) and value:
            for part, inner in value.items():
                yield f"{label}: {part.replace('_', ' ')}", _word(inner)
        elif name != "persona":
            yield label, _word(value)


def _word(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        return ", ".join(f"{key.replace('_', ' ')} {_word(item)}" for key, item in value.items())
    if isinstance(value, list | tuple) and value:
        return ", ".join(map(str, value))
    return "none" if value in (None, {}, [], "") else str(value)


def _render_markdown(document: Document) -> str:
    rows = [f"| {escape(label)} | {escape(value)} |" for label, value in list_rows(document)]
    title = f"## Persona {escape(str(document['persona']))}"
    return "\n".join([title, "", "| figure | value |", "|---|---|", *rows, ""])


def _render_html(document: Document) -> str:
    title = f"Persona {escape_html(str(document['persona']))}"
    rows = "".join(
        f'<tr><th scope="row">{escape_html(label)}</th><td>{escape_html(value)}</td></tr>'
        for label, value in list_rows(document)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1><table>{rows}</table></html>"
    )

"""Files of talks, whichever their form: JSON, JSONL, CSV, or text."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TextIO

from core.errors import Invalid
from evaluation.real_talks.csv_talks import read_csv
from evaluation.real_talks.json_talks import read_json, read_jsonl
from evaluation.real_talks.talk import ROLES, Part, Role
from evaluation.real_talks.text_talks import read_text_talks

Form = Literal["json", "jsonl", "csv", "text"]
_FORMS: dict[str, Form] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".txt": "text",
    ".text": "text",
    ".log": "text",
}


def read_talks(
    path: Path,
    *,
    form: Form | None = None,
    roles: Mapping[str, Role] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Part]:
    """The talks of a file, and what in it is none, each with its line. Raises `Invalid`."""
    form = form or _FORMS.get(path.suffix.casefold())
    if form is None:
        raise Invalid(f"{path.name}: --form says what it is: json, jsonl, csv or text", "form")
    known = {**ROLES, **(roles or {})}
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from _read(file, form, known, columns or {})
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", "file") from None


def _read(
    file: TextIO, form: Form, roles: Mapping[str, Role], columns: Mapping[str, str]
) -> Iterator[Part]:
    if form == "csv":
        return read_csv(file, roles, columns)
    readers = {"json": read_json, "jsonl": read_jsonl, "text": read_text_talks}
    return readers[form](file, roles)

"""Reports that a command writes to files: at its end, and the lines of results as they come."""

import json
import re
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TextIO

from cli.evaluation_options import FORMATS
from cli.plain import use_utf8
from core.errors import Invalid
from evaluation.experiments.events import Event
from evaluation.results import TrialRecord

ReadTrial = Callable[[str, int], Awaitable[TrialRecord]]
"""Gives the trial with that number of the experiment with that id."""


SUITE = "{suite}"
"""Stands for the suite's name in the name of a file."""


def check_files(options: Namespace) -> None:
    """Raises `Invalid` where a report could not be written: that is told before anything runs."""
    several = len(getattr(options, "suites", ())) > 1
    for name in FORMATS:
        file = getattr(options, name, None)
        if several and file and name != "jsonl" and SUITE not in file:
            hint = f"put {SUITE} in its name, as in --{name} report-{SUITE}.{name}"
            raise Invalid(f"{file} would hold the last of several suites alone; {hint}", name)
        if (
            file
            and file != "-"
            and (Path(file).is_dir() or not Path(file).absolute().parent.is_dir())
        ):
            raise Invalid(f"{file} cannot be written: its folder does not exist", name)


def write_reports(document: Mapping[str, Any], options: Namespace) -> list[str]:
    """Writes what was asked for; gives the files."""
    from reports.render import render_report

    return _write(document, options, render_report)


def write_comparison(document: Mapping[str, Any], options: Namespace) -> list[str]:
    """Writes a comparison as it was asked for; gives the files."""
    from reports.render import render_comparison

    return _write(document, options, render_comparison)


def _write(document: Mapping[str, Any], options: Namespace, render: Any) -> list[str]:
    written = []
    for name in FORMATS:
        file = getattr(options, name, None)
        if not file or (name == "jsonl" and hasattr(options, "suites")):
            continue
        file = file.replace(SUITE, name_suite(document["suite"]))
        text = render(document, name, options.lang)
        if file == "-":
            use_utf8(sys.stdout).write(text)
        else:
            Path(file).write_text(text, encoding="utf-8")
            written.append(file)
    return written


def name_suite(suite: Mapping[str, Any]) -> str:
    """The suite's file without its ending, else its name, as part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", Path(suite["file"]).stem if suite["file"] else suite["name"])


class TrialLog:
    """`results.jsonl`, a line appended as each trial ends: a kill loses none that was told."""

    def __init__(self, read_trial: ReadTrial, id: str, options: Namespace) -> None:
        self._read_trial, self._id = read_trial, id
        self._file = getattr(options, "jsonl", None) if hasattr(options, "suites") else None
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        if self._file == "-":
            self._out = use_utf8(sys.stdout)
        elif self._file:
            self._out = Path(self._file).open("a", encoding="utf-8")
        return self

    def __exit__(self, *_error: object) -> None:
        if self._out is not None and self._file != "-":
            self._out.close()

    async def add(self, event: Event) -> None:
        if self._out is None or event.event != "trial" or not event.data.get("outcome"):
            return
        number = int(event.data["id"].rpartition("/")[2])
        trial = await self._read_trial(self._id, number)
        data = trial.model_dump(mode="json", exclude={"lines"})
        line = json.dumps({"experiment": self._id, **data}, ensure_ascii=False)
        self._out.write(f"{line}\n")
        self._out.flush()

"""`duologue import`: talks that people had with a bot, stored as conversations."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from cli.plain import use_utf8
from core.errors import Invalid
from core.settings import Settings
from core.text import show_in_one_line
from evaluation.real_talks.files import read_talks
from evaluation.real_talks.storing import BOT, ImportReport, store_talk
from evaluation.real_talks.talk import Part, Refusal, Role
from graph.process import open_process
from graph.runs.service import RunService

AT_ONCE = 100
MOST_TOLD = 50
"""Refusals that are told one by one; `--json` tells all of them."""
_ROLES: dict[str, Role] = {"user": "user", "bot": "assistant", "assistant": "assistant"}
_COLUMNS = ("talk", "role", "text")


def import_talks(options: Namespace, settings: Settings) -> int:
    """0 where a talk is stored now or was before, 2 where nothing in the files is one."""
    roles = {
        name.casefold(): _ROLES[who] for name, who in _read_pairs(options.role, _ROLES, "role")
    }
    names = {part: name for name, part in _read_columns(options.column)}
    reports = asyncio.run(_import(options, settings, roles, names))
    out = use_utf8(sys.stdout)
    if options.json:
        out.write(json.dumps([_to_json(name, one) for name, one in reports.items()]) + "\n")
    else:
        out.writelines(f"{line}\n" for line in _describe(reports))
    return 0 if any(one.stored or one.known for one in reports.values()) else 2


def _read_pairs(
    given: Sequence[str], known: Mapping[str, Any], option: str
) -> Iterator[tuple[str, str]]:
    """`NAME=user` as its two parts. Raises `Invalid`."""
    for pair in given:
        name, _, value = pair.rpartition("=")
        if not name or value not in known:
            raise Invalid(f"{pair!r} is not NAME={'|'.join(known)}", option)
        yield name.strip(), value


def _read_columns(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`text=message` as `message` and `text`. Raises `Invalid`."""
    for pair in given:
        part, _, name = pair.partition("=")
        if part not in _COLUMNS or not name.strip():
            raise Invalid(f"{pair!r} is not {'|'.join(_COLUMNS)}=NAME", "column")
        yield name.strip(), part


async def _import(
    options: Namespace, settings: Settings, roles: Mapping[str, Role], names: Mapping[str, str]
) -> dict[str, ImportReport]:
    reports: dict[str, ImportReport] = {}
    async with open_process(settings) as runs:
        for given in options.files:
            path = Path(given)
            parts = read_talks(path, form=options.form, roles=roles, columns=names)
            reports[given] = await _import_file(runs, parts, path.name)
    return reports


async def _import_file(runs: RunService, parts: Iterator[Part], name: str) -> ImportReport:
    """Some at a time, so that those that are stored together are written together."""
    report = ImportReport()
    while some := list(islice(parts, AT_ONCE)):
        report.refused += [part for part in some if isinstance(part, Refusal)]
        async with asyncio.TaskGroup() as tasks:
            for talk in some:
                if not isinstance(talk, Refusal):
                    tasks.create_task(store_talk(runs, talk, name, report))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {report.stored + report.known} talks")
            sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return report


def _to_json(name: str, report: ImportReport) -> dict[str, Any]:
    return {
        "file": name,
        "stored": report.stored,
        "known": report.known,
        "refused": [one._asdict() for one in report.refused],
        "masked": dict(report.masked),
    }


def _describe(reports: Mapping[str, ImportReport]) -> Iterator[str]:
    for name, report in reports.items():
        file = show_in_one_line(name)
        for one in report.refused[:MOST_TOLD]:
            yield f"{file}:{one.line}: refused: {show_in_one_line(one.reason)}"
        if len(report.refused) > MOST_TOLD:
            yield f"{file}: {len(report.refused) - MOST_TOLD} more were refused; --json names them"
        here = f", {report.known} were here already" if report.known else ""
        yield f"{file}: {report.stored} talks stored{here}, {len(report.refused)} refused"
        masked = ", ".join(f"{kind} {count}" for kind, count in report.masked.most_common())
        yield f"{file}: masked: {masked or 'nothing'}"
    if any(report.stored for report in reports.values()):
        yield f"duologue list --bot {BOT} shows them"

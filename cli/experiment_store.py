"""`duologue experiments`, `report` and `compare`: what was found, without running anything."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from cli.experiment_output import choose_output, describe_changes
from cli.experiments import open_service
from cli.plain import use_utf8
from cli.report_files import check_files, write_comparison, write_reports
from core.errors import NotFound
from core.message import now
from core.settings import Settings
from evaluation.compare import build_comparison
from evaluation.experiments.comparison import find_moved_parts
from evaluation.experiments.document import describe_experiment
from evaluation.experiments.service import ExperimentService
from evaluation.results import ComparisonDocument, ExperimentDocument, ExperimentInfo
from graph.storage.opening import database_exists

T = TypeVar("T")


def ask(settings: Settings, question: Callable[[ExperimentService], Awaitable[T]]) -> T:
    """What the service answers. Raises `NotFound` where there is no database yet."""
    if not database_exists(settings.database_url):
        raise NotFound(f"there is no experiment, and no {settings.database_url}")

    async def open_and_ask() -> T:
        async with open_service(settings) as service:
            return await question(service)

    return asyncio.run(open_and_ask())


def report(options: Namespace, settings: Settings) -> int:
    """Shows an experiment and writes the reports that were asked for."""
    check_files(options)

    async def read(service: ExperimentService) -> ExperimentDocument:
        row = await service.storage.experiments.find(options.experiment)
        return await service.document(row.id, lines=True)

    document = ask(settings, read)
    written = write_reports(document.model_dump(mode="json"), options)
    choose_output(options).show_closing(document, written)
    return 0


def list_experiments(options: Namespace, settings: Settings) -> int:
    async def read(service: ExperimentService) -> list[tuple[str, ExperimentInfo]]:
        rows, _more = await service.storage.experiments.list_page(
            options.limit, None, suite=options.suite
        )
        fresh = [await service.get(row.id) for row in rows]
        return [(row.suite, describe_experiment(row)) for row in fresh]

    try:
        found = ask(settings, read)
    except NotFound:
        found = []
    out = use_utf8(sys.stdout)
    if options.json:
        data = [{"suite": suite, **info.model_dump(mode="json")} for suite, info in found]
        out.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        return 0
    for suite, info in found:
        out.write("\t".join(_columns(suite, info)) + "\n")
    return 0


def _columns(suite: str, info: ExperimentInfo) -> Iterator[str]:
    yield from (info.id, info.status, info.created_at, suite, info.name or "")
    yield "" if info.exit_code is None else str(info.exit_code)


def compare(options: Namespace, settings: Settings) -> int:
    """0: not worse, 1: worse, 4: undecided or not comparable."""
    check_files(options)

    async def read(service: ExperimentService) -> ComparisonDocument:
        find = service.storage.experiments.find
        base, head = await find(options.base), await find(options.head)
        return build_comparison(
            await service.document(base.id, details=False),
            await service.document(head.id, details=False),
            generated_at=now(),
            margin=options.margin,
            moved=find_moved_parts(base, head),
        )

    document = ask(settings, read)
    written = write_comparison(document.model_dump(mode="json"), options)
    piped = "-" in (options.json, options.html, options.markdown)
    out = use_utf8(sys.stderr if piped else sys.stdout)
    for comparison in document.comparisons:
        out.writelines(f"{line}\n" for line in describe_changes(comparison, options.lang))
    if len(document.comparisons) != 1:  # its own sentence is there already
        out.write(f"{getattr(document.sentence, options.lang)}\n")
    out.writelines(f"Report: {file}\n" for file in written)
    return document.exit_code

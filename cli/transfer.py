"""`duologue experiment export|import|delete`."""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

from cli.experiment_store import ask
from cli.experiments import open_service
from cli.plain import use_utf8
from core.errors import Invalid
from core.settings import Settings
from evaluation.experiments.changes import delete
from evaluation.experiments.service import ExperimentService
from evaluation.experiments.transfer import export_experiment, import_experiment


def transfer(options: Namespace, settings: Settings) -> int:
    """Raises `Invalid` where the file cannot be read or written, `NotFound`, `Conflict`."""
    said = {"export": _export, "import": _import, "delete": _delete}[options.step](
        options, settings
    )
    use_utf8(sys.stdout).write(f"{said}\n")
    return 0


def _export(options: Namespace, settings: Settings) -> str:
    async def read(service: ExperimentService) -> str:
        row = await service.storage.experiments.find(options.experiment)
        return await export_experiment(service, row.id, masked=not options.unmasked)

    text = ask(settings, read)
    try:
        Path(options.file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{options.file} cannot be written: {error.strerror}", "file") from None
    masked = "" if options.unmasked else "; addresses and long numbers are masked, names are not"
    return f"Exported to {options.file}{masked}"


def _import(options: Namespace, settings: Settings) -> str:
    try:
        text = Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{options.file} cannot be read: {error}", "file") from None

    async def store() -> str:
        async with open_service(settings) as service:
            return (await import_experiment(service, text)).id

    return f"Imported experiment {asyncio.run(store())}"


def _delete(options: Namespace, settings: Settings) -> str:
    async def remove(service: ExperimentService) -> str:
        row = await service.storage.experiments.find(options.experiment)
        await delete(service, row.id)
        return row.id

    return f"Deleted experiment {ask(settings, remove)} and its conversations"

"""`duologue agreement`: how far the judge agrees with people, and what to label next."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence

from cli.experiment_store import ask
from cli.plain import use_utf8
from core.settings import Settings
from evaluation.calibration import Calibration, Task, calibrate_experiment, queue_experiment
from evaluation.experiments.service import ExperimentService
from evaluation.results import ExperimentDocument


def show_agreement(options: Namespace, settings: Settings) -> int:
    """Prints agreement by criterion, or with `--next` what to label. Raises `NotFound`."""

    async def read(service: ExperimentService) -> ExperimentDocument:
        row = await service.storage.experiments.find(options.experiment)
        return await service.document(row.id)

    document = ask(settings, read)
    out = use_utf8(sys.stdout)
    found: Sequence[Calibration | Task] = (
        queue_experiment(document, options.by or "", options.next)
        if options.next
        else calibrate_experiment(document)
    )
    if options.json:
        data = [one.model_dump(mode="json") for one in found]
        out.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    elif not found and not options.next:
        out.write(f"Nobody has labelled a trial yet; what to label: {_next_command(options)}\n")
    else:
        out.writelines(line + "\n" for one in found for line in _describe(one))
    return 0


def _next_command(options: Namespace) -> str:
    return f"duologue agreement {options.experiment} --next 20"


def _describe(found: Calibration | Task) -> Iterator[str]:
    if isinstance(found, Task):
        yield f"{found.trial}\t{found.verdict_id}"
        return
    rate = _with_interval(found.agreement, found.agreement_low, found.agreement_high)
    kappa = _with_interval(found.kappa, found.kappa_low, found.kappa_high)
    yield f"{found.verdict_id}: {found.agreed} of {found.compared} agree: {rate}, kappa {kappa}"
    for one in found.disagreements:
        yield f"  {one.trial}: judge {one.judge}, people {one.people}. {one.reason}".rstrip()


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "not known"
    return f"{value:.2f} ({low:.2f} to {high:.2f})"

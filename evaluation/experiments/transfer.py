"""An experiment as a file for another team: its rows, verdicts, labels and transcripts."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.errors import Conflict, Invalid
from evaluation.experiments.plan import read_suite
from evaluation.experiments.service import ExperimentService
from graph.storage.experiment_rows import ExperimentRow, LabelRow, TrialRow, VerdictRow

FORMAT = "duologue.transfer/1"
_MASKS = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<email>"),
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"(?<!\w)\+?\d(?:[ .-]?\d){7,}(?!\w)"), "<number>"),
)


class TransferFile(BaseModel):
    """What `duologue experiment export` writes."""

    model_config = ConfigDict(extra="forbid")

    format: str
    experiment: dict[str, Any]
    trials: list[dict[str, Any]]
    verdicts: dict[int, list[dict[str, Any]]]
    labels: list[dict[str, Any]]
    transcripts: dict[str, list[dict[str, Any]]]


def mask(text: str) -> str:
    """The text without e-mail addresses, web addresses and long numbers."""
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text


async def export_experiment(service: ExperimentService, id: str, *, masked: bool = True) -> str:
    """The experiment as JSON. What people and bots said is masked unless that is not wanted."""
    row = await service.require_rest(id)
    trials = await service.storage.trials.select(id)
    verdicts = await service.storage.trials.verdicts(id)
    held = [trial.conversation_id for trial in trials if trial.conversation_id]
    said = {one: list(await service.runs.messages(one)) for one in held}
    data: dict[str, Any] = {
        "format": FORMAT,
        "experiment": asdict(replace(row, owner=None, wanted=None)),
        "trials": [asdict(trial) for trial in trials],
        "verdicts": {
            number: [{**asdict(one), "body": json.loads(one.body)} for one in some]
            for number, some in verdicts.items()
        },
        "labels": [asdict(one) for one in await service.storage.labels.select(experiment_id=id)],
        "transcripts": said,
    }
    if masked:
        for part in ("verdicts", "transcripts"):
            data[part] = _mask_texts(data[part])
    return json.dumps(data, ensure_ascii=False, indent=1)


def _mask_texts(value: Any, key: str = "") -> Any:
    """Masks what was said, and leaves ids, times and the like as they are."""
    if isinstance(value, str):
        return mask(value) if key in ("content", "reason", "quote", "text") else value
    if isinstance(value, Mapping):
        return {name: _mask_texts(part, str(name)) for name, part in value.items()}
    if isinstance(value, list):
        return [_mask_texts(part, key) for part in value]
    return value


async def import_experiment(service: ExperimentService, text: str) -> ExperimentRow:
    """Stores an experiment that another database exported, with the same id.

    Its conversations cannot be gone on with: only what was found comes along, and the quotes.
    Raises `Invalid` where the file is none, `Conflict` where the experiment is here already.
    """
    try:
        data = TransferFile.model_validate_json(text)
        row = ExperimentRow(**data.experiment)
        trials = [TrialRow(**one) for one in data.trials]
        labels = [LabelRow(**one) for one in data.labels]
        read_suite(row.plan)
    except (ValueError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise Invalid(f"is no experiment that was exported: {first}", "file") from None
    if data.format != FORMAT:
        raise Invalid(f"has the format {data.format!r}, not {FORMAT!r}", "file")
    await _must_be_new(service, row.id)
    await service.storage.experiments.add(replace(row, owner=None), trials)
    for number, some in data.verdicts.items():
        await service.storage.trials.change(row.id, number, _read_verdicts(some))
    for label in labels:
        await service.storage.labels.put(label)
    return row


async def _must_be_new(service: ExperimentService, id: str) -> None:
    rows, _more = await service.storage.experiments.list_page(1, id=id)
    if rows:
        raise Conflict(f"the experiment {id} is here already")


def _read_verdicts(some: Sequence[Mapping[str, Any]]) -> list[VerdictRow]:
    return [
        VerdictRow(one["id"], one["kind"], one["status"], one["must"], json.dumps(one["body"]))
        for one in some
    ]

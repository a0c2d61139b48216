"""The published document of an experiment, made of its rows."""

from asyncio import to_thread
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from core.message import now
from evaluation.calibration import calibrate, find_gate_kappa, pair_labels
from evaluation.cells import ResolvedSuite
from evaluation.compare import compare_bots, compare_experiments
from evaluation.experiments.comparison import find_moved_parts
from evaluation.experiments.plan import describe_suite, fingerprints_of, read_suite
from evaluation.experiments.trial_records import (
    ReadMessages,
    read_brief_trials,
    read_lines,
    read_trials,
)
from evaluation.gate import choose_exit_code, summarize
from evaluation.results import (
    CellRecord,
    Comparison,
    ExperimentDocument,
    ExperimentInfo,
    TrialRecord,
)
from evaluation.suite_info import SuiteInfo
from evaluation.summary import JudgedTrial, summarize_cells
from evaluation.verdicts import CellKey
from graph.storage.experiment_rows import ExperimentRow
from graph.storage.opening import Storage

MOST_TRANSCRIPTS = 300
"""So many transcripts of flaky cells are read for where the repeats part, and so many of trials
that failed for a report: each takes as long as a turn.
"""


async def build_document(
    storage: Storage,
    row: ExperimentRow,
    messages: ReadMessages,
    *,
    details: bool = True,
    lines: bool = False,
    base: tuple[ExperimentRow, ExperimentDocument] | None = None,
) -> ExperimentDocument:
    """The experiment as it stands. Without `details` it has no trials, and no reasons were read;
    with details and `lines` trials that failed have their transcripts, 300 of them at most. `base`
    is what it is compared with. Where the repeats of flaky cells part is told once it rests.

    What takes hundreds of milliseconds runs in threads, so that streams go on meanwhile.
    """
    suite = await to_thread(read_suite, row.plan)
    records = await read_trials(storage, row) if details else []
    trials: Sequence[JudgedTrial] = records if details else await read_brief_trials(storage, row)
    info, cells = await to_thread(_summarize_cells, suite, row, trials)
    if row.status != "running":  # what changes every second does not read hundreds of transcripts
        cells = await _add_partings(info, cells, trials, messages)
    if lines:
        records = await _add_transcripts(records, messages)
    comparisons = await to_thread(_compare, row, info, cells, base)
    figures = await to_thread(summarize, info, cells, trials, comparisons)
    code: int | None = choose_exit_code(figures, info, finished=row.status == "completed")
    code = code if row.ended_at else None
    return ExperimentDocument(
        generated_at=now(),
        experiment=describe_experiment(
            row, exit_code=row.exit_code or code if row.ended_at else None
        ),
        suite=info,
        figures=figures,
        cells=cells,
        trials=records,
        comparisons=comparisons,
    )


def _summarize_cells(
    suite: ResolvedSuite, row: ExperimentRow, trials: Sequence[JudgedTrial]
) -> tuple[SuiteInfo, list[CellRecord]]:
    info = add_agreement(describe_suite(suite, row), trials)
    return info, summarize_cells(info, trials, fingerprints=fingerprints_of(suite))


def add_agreement(info: SuiteInfo, trials: Sequence[JudgedTrial]) -> SuiteInfo:
    """The suite with how far its judge agrees with the labels on these trials."""
    rule = info.gate
    if info.judge is None or rule is None or not rule.criteria:
        return info
    judged = {one.id: one.verdicts for one in trials if one.labels}
    labels = {one.id: one.labels for one in trials if one.labels}
    criteria = {
        asked.id for one in info.scenarios for asked in one.questions if asked.kind == "criterion"
    }
    gated = [id for id in rule.criteria if id in criteria]
    kappa = find_gate_kappa(calibrate(pair_labels(judged, labels)), gated)
    return info.model_copy(update={"judge": info.judge.model_copy(update={"kappa": kappa})})


def describe_experiment(row: ExperimentRow, exit_code: int | None = None) -> ExperimentInfo:
    return ExperimentInfo.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "status": row.status,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "seconds": round(row.seconds, 3),
            "reason": row.reason,
            "exit_code": exit_code if exit_code is not None else row.exit_code,
        }
    )


# --- transcripts ----------------------------------------------------------------------------------


async def _add_partings(
    info: SuiteInfo,
    cells: list[CellRecord],
    trials: Sequence[JudgedTrial],
    messages: ReadMessages,
) -> list[CellRecord]:
    """The cells, flaky ones with where their repeats part."""
    flaky = {cell.key: cell for cell in cells if cell.flaky}
    wanted = [one for one in trials if one.cell in flaky]
    read = [one for one in wanted if one.conversation_id][:MOST_TRANSCRIPTS]
    if not read:
        return cells
    found = {one.id: await read_lines(messages, one) for one in read}
    again = await to_thread(
        summarize_cells, info, wanted, lines_of=lambda trial: found.get(trial.id)
    )
    partings = {cell.key: cell.parting for cell in again if cell.parting}
    return [
        cell.model_copy(update={"parting": partings[cell.key]}) if cell.key in partings else cell
        for cell in cells
    ]


async def _add_transcripts(
    trials: Sequence[TrialRecord], messages: ReadMessages
) -> list[TrialRecord]:
    """The trials; those that failed with their transcripts, one of each cell before the others."""
    nth: Counter[CellKey] = Counter()
    failed: list[tuple[int, str]] = []
    for one in trials:
        if one.outcome in ("failed", "unjudged"):
            failed.append((nth[one.cell], one.id))
            nth[one.cell] += 1
    chosen = {id for _, id in sorted(failed, key=itemgetter(0))[:MOST_TRANSCRIPTS]}
    return [
        one.model_copy(update={"lines": await read_lines(messages, one)})
        if one.id in chosen
        else one
        for one in trials
    ]


# --- comparisons ----------------------------------------------------------------------------------


def _compare(
    row: ExperimentRow,
    info: SuiteInfo,
    cells: Sequence[CellRecord],
    base: tuple[ExperimentRow, ExperimentDocument] | None,
) -> list[Comparison]:
    versions = {bot.id: bot.version for bot in info.bots}
    found = compare_bots(row.id, cells, versions) if len(versions) > 1 else []
    if base is None or info.baseline is None:
        return found
    facts: dict[str, Any] = {
        "experiment": describe_experiment(row),
        "suite": info,
        "cells": list(cells),
        "trials": [],
    }
    head = ExperimentDocument.model_construct(**facts)
    base_row, document = base
    moved = find_moved_parts(base_row, row)
    margin = info.baseline.margin
    return [*found, *compare_experiments(document, head, margin=margin, moved=moved)]

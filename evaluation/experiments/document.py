"""The published document of an experiment, made of its rows."""

import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from core.message import Message, now
from evaluation.calibration import calibrate, find_gate_kappa, pair_labels
from evaluation.compare import compare_bots, compare_experiments
from evaluation.experiments.plan import describe_suite, fingerprints_of, key_of, read_suite
from evaluation.gate import choose_exit_code, summarize
from evaluation.resolve import ResolvedSuite
from evaluation.results import (
    Breakage,
    CellRecord,
    Comparison,
    ExperimentDocument,
    ExperimentInfo,
    Line,
    SuiteInfo,
    TrialRecord,
)
from evaluation.summary import summarize_cells
from evaluation.verdicts import Label, Spending, Verdict
from graph.storage.experiment_rows import ExperimentRow, LabelRow, TrialRow, VerdictRow
from graph.storage.opening import Storage

MOST_TRANSCRIPTS = 300
"""So many transcripts of flaky cells are read for where the repeats part."""
_SAME = (
    "scenario persona bot repeat status outcome conversation_id end_reason turns started_at "
    "ended_at seconds skipped"
).split()
ReadMessages = Callable[[str], Awaitable[Sequence[Message]]]
Labels = Mapping[str, Sequence[Label]]


async def build_document(
    storage: Storage,
    row: ExperimentRow,
    messages: ReadMessages,
    *,
    details: bool = True,
    lines: bool = False,
    base: ExperimentDocument | None = None,
) -> ExperimentDocument:
    """The experiment as it stands. Without `details` it has no trials, and no reasons were read;
    with `lines` each trial that failed has its transcript. `base` is what it is compared with.
    """
    suite = read_suite(row.plan)
    info = describe_suite(suite, row)
    trials = await read_trials(storage, row, suite, details=details or lines)
    info = add_agreement(info, trials)
    cells = summarize_cells(info, trials, fingerprints=fingerprints_of(suite))
    cells, trials = await _add_transcripts(info, suite, cells, trials, messages, all_failed=lines)
    comparisons = _compare(row, info, cells, base)
    figures = summarize(info, cells, trials, comparisons)
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
        trials=trials if details else [],
        comparisons=comparisons,
    )


def add_agreement(info: SuiteInfo, trials: Sequence[TrialRecord]) -> SuiteInfo:
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


# --- trials ---------------------------------------------------------------------------------------


async def read_trials(
    storage: Storage, row: ExperimentRow, suite: ResolvedSuite, *, details: bool = True
) -> list[TrialRecord]:
    """All trials. Without `details` a verdict has only what figures need."""
    rows = await storage.trials.select(row.id)
    labels = group_labels(await storage.labels.select(experiment_id=row.id))
    verdicts: Mapping[int, list[Verdict]]
    if details:
        found = await storage.trials.verdicts(row.id)
        verdicts = {number: [read_verdict(one) for one in some] for number, some in found.items()}
    else:
        verdicts = _brief(await storage.trials.verdict_statuses(row.id))
    return [
        describe_trial(row.id, suite, one, verdicts.get(one.number, []), labels) for one in rows
    ]


async def describe_trials(
    storage: Storage, row: ExperimentRow, rows: Sequence[TrialRow]
) -> list[TrialRecord]:
    """Some trials of an experiment, with their verdicts and labels."""
    suite = read_suite(row.plan)
    labels = group_labels(await storage.labels.select(experiment_id=row.id))
    found = []
    for one in rows:
        verdicts = (await storage.trials.verdicts(row.id, one.number)).get(one.number, [])
        judged = [read_verdict(each) for each in verdicts]
        found.append(describe_trial(row.id, suite, one, judged, labels))
    return found


def describe_trial(
    experiment_id: str,
    suite: ResolvedSuite,
    row: TrialRow,
    verdicts: Sequence[Verdict] = (),
    labels: Labels | None = None,
) -> TrialRecord:
    """One trial as documents and events have it. Not validated: it is our own data."""
    facts: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    broken = Breakage.model_validate(row.broken) if row.broken else None
    spending: Any = {party: Spending(**spent) for party, spent in row.spending.items()}
    return TrialRecord.model_construct(
        id=f"{experiment_id}/{row.number}",
        verdicts=list(verdicts),
        labels=list((labels or {}).get(row.conversation_id or "", [])),
        broken=broken,
        latencies_ms=row.latencies,
        spending=spending,
        reproduce=describe_reproduction(suite, row),
        lines=None,
        **facts,
    )


def describe_reproduction(suite: ResolvedSuite, row: TrialRow) -> str:
    """The command that has this conversation again."""
    file = [shlex.quote(suite.file)] if suite.file else []
    return " ".join(["duologue test", *file, "--trial", shlex.quote(str(key_of(row)))])


def read_verdict(row: VerdictRow) -> Verdict:
    """A stored verdict. Of a deleted conversation only the status is left."""
    body: dict[str, Any] = orjson.loads(row.body)
    if not body:
        return Verdict.model_validate(
            {"id": row.id, "kind": row.kind, "status": row.status, "must": row.must}
        )
    return Verdict.model_validate(body)


def _brief(found: Mapping[int, Sequence[tuple[str, str, str, bool]]]) -> dict[int, list[Verdict]]:
    """Verdicts that say the same are one object: ten thousand trials ask the same few questions."""
    shared: dict[tuple[str, str, str, bool], Verdict] = {}

    def share(facts: tuple[str, str, str, bool]) -> Verdict:
        if facts not in shared:
            id, kind, status, must = facts
            shared[facts] = Verdict.model_validate(
                {"id": id, "kind": kind, "status": status, "must": must}
            )
        return shared[facts]

    return {number: [share(one) for one in some] for number, some in found.items()}


def group_labels(rows: Iterable[LabelRow]) -> dict[str, list[Label]]:
    """The labels by conversation."""
    found: dict[str, list[Label]] = {}
    for row in rows:
        found.setdefault(row.conversation_id, []).append(read_label(row))
    return found


def read_label(row: LabelRow) -> Label:
    return Label.model_validate(
        {
            "verdict_id": row.verdict_id,
            "labeller": row.labeller,
            "status": row.status,
            "note": row.note,
            "created_at": row.created_at,
        }
    )


# --- transcripts ----------------------------------------------------------------------------------


async def _add_transcripts(
    info: SuiteInfo,
    suite: ResolvedSuite,
    cells: list[CellRecord],
    trials: list[TrialRecord],
    messages: ReadMessages,
    *,
    all_failed: bool,
) -> tuple[list[CellRecord], list[TrialRecord]]:
    """Flaky cells with where their repeats part, and the trials that failed with their lines."""
    flaky = {cell.key for cell in cells if cell.flaky}
    wanted = [one for one in trials if one.cell in flaky and one.conversation_id]
    found = {one.id: await read_lines(messages, one) for one in wanted[:MOST_TRANSCRIPTS]}
    if found:
        cells = summarize_cells(
            info,
            trials,
            fingerprints=fingerprints_of(suite),
            lines_of=lambda trial: found.get(trial.id),
        )
    if all_failed:
        for one in trials:
            if one.outcome in ("failed", "unjudged") and one.id not in found:
                found[one.id] = await read_lines(messages, one)
        trials = [
            one.model_copy(update={"lines": found[one.id]}) if one.id in found else one
            for one in trials
        ]
    return cells, trials


async def read_lines(messages: ReadMessages, trial: TrialRecord) -> list[Line]:
    """The transcript of a trial; empty where its conversation was deleted."""
    said = await messages(trial.conversation_id) if trial.conversation_id else []
    return [
        Line(
            index=index,
            turn=line["turn"],
            role=line["role"],
            text=line["content"],
            latency_ms=line.get("latency_ms"),
        )
        for index, line in enumerate(said)
    ]


# --- comparisons ----------------------------------------------------------------------------------


def _compare(
    row: ExperimentRow,
    info: SuiteInfo,
    cells: Sequence[CellRecord],
    base: ExperimentDocument | None,
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
    return [*found, *compare_experiments(base, head, margin=info.baseline.margin)]

"""The trials of an experiment, made of their rows: all that is known, or what figures need."""

import shlex
from asyncio import gather, to_thread
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from core.message import Message
from core.parts import read_out
from evaluation.experiments.plan import key_of
from evaluation.results import Breakage, Line, Party, TrialRecord
from evaluation.simulated_users import SecondOpinion, UserRecord
from evaluation.summary import JudgedTrial
from evaluation.verdicts import CellKey, Label, Outcome, Spending, Verdict
from graph.storage.experiment_rows import ExperimentRow, LabelRow, TrialRow, VerdictRow
from graph.storage.opening import Storage

_SAME = (
    "scenario persona bot repeat status outcome conversation_id end_reason turns started_at "
    "ended_at seconds skipped"
).split()
ReadMessages = Callable[[str], Awaitable[Sequence[Message]]]
Labels = Mapping[str, Sequence[Label]]
Statuses = Mapping[int, Sequence[tuple[str, str, str, bool]]]
FEW_TRIALS = 200


class BriefTrial(NamedTuple):
    """A trial with what figures need, and nothing else: there may be ten thousand of them."""

    id: str
    cell: CellKey
    bot: str
    repeat: int
    outcome: Outcome | None
    conversation_id: str | None
    seconds: float | None
    latencies_ms: list[float]
    spending: dict[Party, Spending]
    broken: Breakage | None
    verdicts: Sequence[Verdict]
    labels: Sequence[Label]
    user: UserRecord | None = None
    second_opinion: SecondOpinion | None = None
    lines: None = None


async def read_trials(storage: Storage, row: ExperimentRow) -> list[TrialRecord]:
    """All trials with their verdicts and labels."""
    return await describe_trials(storage, row, await storage.trials.select(row.id))


async def read_brief_trials(storage: Storage, row: ExperimentRow) -> list[BriefTrial]:
    """All trials, for figures alone."""
    rows, statuses, labels = await gather(
        storage.trials.select(row.id),
        storage.trials.verdict_statuses(row.id),
        storage.labels.select(experiment_id=row.id),
    )
    return await to_thread(_describe_all_briefly, row.id, rows, statuses, group_labels(labels))


def _describe_all_briefly(
    id: str, rows: Sequence[TrialRow], statuses: Statuses, labels: Labels
) -> list[BriefTrial]:
    verdicts = _brief(statuses)
    return [_describe_briefly(id, one, verdicts.get(one.number, []), labels) for one in rows]


async def describe_trials(
    storage: Storage, row: ExperimentRow, rows: Sequence[TrialRow]
) -> list[TrialRecord]:
    """Some trials of an experiment, with their verdicts and labels."""
    labels = group_labels(await storage.labels.select(experiment_id=row.id))
    numbers = [one.number for one in rows]
    stored = await storage.trials.verdicts(row.id, min(numbers, default=0), max(numbers, default=0))
    if len(rows) < FEW_TRIALS:  # a page: quicker than to change threads
        return _describe_all(row, rows, stored, labels)
    return await to_thread(_describe_all, row, rows, stored, labels)


def _describe_all(
    row: ExperimentRow,
    rows: Sequence[TrialRow],
    stored: Mapping[int, Sequence[VerdictRow]],
    labels: Labels,
) -> list[TrialRecord]:
    verdicts = {one: [read_verdict(each) for each in some] for one, some in stored.items()}
    file = row.plan.get("file")
    return [describe_trial(row.id, file, one, verdicts.get(one.number, []), labels) for one in rows]


def describe_trial(
    experiment_id: str,
    file: str | None,
    row: TrialRow,
    verdicts: Sequence[Verdict] = (),
    labels: Labels | None = None,
) -> TrialRecord:
    """One trial as documents and events have it. Not validated: it is our own data.

    `file` is the suite's, if it came from one.
    """
    facts: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return TrialRecord.model_construct(
        id=f"{experiment_id}/{row.number}",
        verdicts=list(verdicts),
        labels=list((labels or {}).get(row.conversation_id or "", [])),
        broken=_read_breakage(row),
        latencies_ms=row.latencies,
        spending=_read_spending(row),
        reproduce=describe_reproduction(file, row),
        **read_user(row),
        lines=None,
        **facts,
    )


def _describe_briefly(
    experiment_id: str, row: TrialRow, verdicts: Sequence[Verdict], labels: Labels
) -> BriefTrial:
    outcome: Any = row.outcome  # our own data, not validated again
    return BriefTrial(
        f"{experiment_id}/{row.number}",
        CellKey(row.scenario, row.persona, row.bot),
        row.bot,
        row.repeat,
        outcome,
        row.conversation_id,
        row.seconds,
        row.latencies,
        _read_spending(row) if row.spending else {},
        _read_breakage(row) if row.broken else None,
        verdicts,
        labels.get(row.conversation_id or "", ()),
        **read_user(row),
    )


def _read_breakage(row: TrialRow) -> Breakage | None:
    return Breakage.model_validate(row.broken) if row.broken else None


def _read_spending(row: TrialRow) -> dict[Party, Spending]:
    spent: dict[Any, Any] = row.spending
    return {name: Spending(**spent[name]) for name in spent if name not in _OF_USERS}


def pack_user(user: UserRecord, second: SecondOpinion | None) -> dict[str, Any]:
    """What a trial's user did, to be stored beside what it took."""
    found = {"user": user.model_dump(exclude_defaults=True)}
    if second is not None:
        found["second_opinion"] = second.model_dump(exclude_defaults=True)
    return found


def read_user(row: TrialRow) -> dict[str, Any]:
    """What `pack_user` packed; nothing of trials that ended before there was such a thing."""
    return {
        name: kind.model_validate(row.spending[name])
        for name, kind in _OF_USERS.items()
        if name in row.spending
    }


_OF_USERS: Mapping[str, type[UserRecord | SecondOpinion]] = {
    "user": UserRecord,
    "second_opinion": SecondOpinion,
}


def describe_reproduction(file: str | None, row: TrialRow) -> str:
    """The command that has this conversation again."""
    suite = [_quote(file)] if file else []
    return " ".join(["duologue test", *suite, "--trial", shlex.quote(str(key_of(row)))])


_quote = lru_cache(maxsize=64)(shlex.quote)


def read_verdict(row: VerdictRow) -> Verdict:
    """A stored verdict. Of a deleted conversation only the status is left."""
    body: dict[str, Any] = orjson.loads(row.body)
    if not body:
        return Verdict.model_validate(
            {"id": row.id, "kind": row.kind, "status": row.status, "must": row.must}
        )
    return Verdict.model_validate(body)


def _brief(found: Statuses) -> dict[int, list[Verdict]]:
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


async def read_lines(messages: ReadMessages, trial: JudgedTrial) -> list[Line]:
    """The transcript of a trial; empty where its conversation was deleted."""
    said = await messages(trial.conversation_id) if trial.conversation_id else []
    return [
        Line(
            index=index,
            turn=line["turn"],
            role=line["role"],
            text=read_out(line),
            latency_ms=line.get("latency_ms"),
        )
        for index, line in enumerate(said)
    ]

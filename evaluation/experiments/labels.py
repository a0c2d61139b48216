"""People's verdicts on trials. They win over the judge in figures; both stay visible."""

from typing import Literal

from core.errors import Invalid, NotFound
from core.message import now
from evaluation.experiments.plan import read_suite
from evaluation.experiments.trial_records import read_label, read_verdict
from evaluation.verdicts import Label, apply_labels, decide_outcome
from graph.storage.experiment_rows import LabelRow
from graph.storage.opening import Storage

LabelStatus = Literal["pass", "fail", "inconclusive"]


async def put_label(
    storage: Storage,
    conversation_id: str,
    verdict_id: str,
    status: LabelStatus,
    labeller: str,
    note: str = "",
) -> Label:
    """Stores a person's verdict; the same person's earlier one is replaced.

    Raises `NotFound` where the conversation is no trial, `Invalid` where the scenario asks no such
    question.
    """
    await _require_question(storage, conversation_id, verdict_id)
    row = LabelRow(conversation_id, verdict_id, labeller, status, note, now())
    await storage.labels.put(row)
    await update_outcome(storage, conversation_id)
    return read_label(row)


async def delete_label(
    storage: Storage, conversation_id: str, verdict_id: str, labeller: str | None = None
) -> None:
    """Takes back a person's label, or all of them. Raises `NotFound` where there is none."""
    if not await storage.labels.delete(conversation_id, verdict_id, labeller):
        raise NotFound("there is no such label")
    await update_outcome(storage, conversation_id)


async def list_labels(
    storage: Storage, conversation_id: str, verdict_id: str | None = None
) -> list[Label]:
    """The labels of a conversation, or those of one criterion."""
    rows = await storage.labels.select(conversation_id)
    return [read_label(row) for row in rows if verdict_id in (None, row.verdict_id)]


async def _require_question(storage: Storage, conversation_id: str, verdict_id: str) -> None:
    found = await storage.trials.find_by_conversation(conversation_id)
    if found is None:
        raise NotFound("the conversation is no trial of an experiment")
    row = await storage.experiments.get(found[0])
    known = read_suite(row.plan).scenarios[found[1].scenario].question_ids
    if verdict_id not in known:
        raise Invalid(f"there is no {verdict_id!r}; there are {', '.join(known)}", "criterion")


async def update_outcome(storage: Storage, conversation_id: str) -> None:
    """The outcome of the trial as labels have it now."""
    found = await storage.trials.find_by_conversation(conversation_id)
    if found is None or found[1].outcome not in ("passed", "failed", "unjudged"):
        return
    id, trial = found
    rows = (await storage.trials.verdicts(id, trial.number)).get(trial.number, [])
    labels = await list_labels(storage, conversation_id)
    suite = read_suite((await storage.experiments.get(id)).plan)
    verdicts = apply_labels([read_verdict(row) for row in rows], labels)
    outcome = decide_outcome(verdicts, suite.scenarios[trial.scenario].required_ids)
    if outcome != trial.outcome:
        await storage.trials.change(id, trial.number, outcome=outcome)

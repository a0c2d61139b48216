"""What several formats ask of trials and cells in the same way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

Data = Mapping[str, Any]
CellKey = tuple[str, str, str]


def cell_key(data: Data) -> CellKey:
    """Of a trial or of a cell."""
    return data["scenario"], data["persona"], data["bot"]


def group_by_cell(trials: Iterable[Data]) -> dict[CellKey, list[Data]]:
    groups: dict[CellKey, list[Data]] = {}
    for trial in trials:
        groups.setdefault(cell_key(trial), []).append(trial)
    return groups


def name_cells(document: Data) -> dict[str, dict[str, str]]:
    """Names by id of scenarios, personas and bots."""
    suite = document["suite"]
    return {
        kind: {one["id"]: one["name"] for one in suite[f"{kind}s"]}
        for kind in ("scenario", "persona", "bot")
    }


def current_verdicts(trial: Data) -> list[Data]:
    """A trial's verdicts with labels applied: a person's status wins over the judge's."""
    labels: dict[str, list[Data]] = {}
    for label in trial["labels"]:
        labels.setdefault(label["verdict_id"], []).append(label)
    return [_apply(verdict, labels.get(verdict["id"], [])) for verdict in trial["verdicts"]]


def _apply(verdict: Data, labels: Sequence[Data]) -> Data:
    if not labels:
        return verdict
    statuses = [label["status"] for label in labels]
    ranked = sorted({*statuses}, key=lambda status: (-statuses.count(status), status))
    tied = len(ranked) > 1 and statuses.count(ranked[0]) == statuses.count(ranked[1])
    names = ", ".join(sorted({label["labeller"] for label in labels}))
    status = "inconclusive" if tied else ranked[0]
    return {**verdict, "status": status, "labelled_by": names}


def deciding_verdicts(trial: Data) -> list[Data]:
    """The required verdicts that made the trial's outcome: failed ones, or those not judged."""
    wanted = {"failed": ("fail",), "unjudged": ("inconclusive", "error")}.get(trial["outcome"], ())
    return [v for v in current_verdicts(trial) if v["must"] and v["status"] in wanted]


def explain(trial: Data, say_reason: Callable[[Data], str] = itemgetter("reason")) -> str:
    """One line: why the trial ended as it did; empty where it passed."""
    if trial["broken"]:
        broken = trial["broken"]
        return ": ".join(part for part in (broken["code"], broken["message"]) if part)
    if trial["outcome"] == "skipped":
        return trial["skipped"] or ""
    found = deciding_verdicts(trial)
    return "; ".join(
        f"{verdict['id']}: {say_reason(verdict)}" if verdict["reason"] else verdict["id"]
        for verdict in found
    )


def cell_passes(cell: Data, *, gated: bool) -> bool:
    """With a gate a cell passes where it was accepted or more than half of it passed; without one,
    only where nothing failed.
    """
    if cell["decision"] in ("accepted", "rejected"):
        return bool(cell["decision"] == "accepted")
    if not gated:
        return bool(cell["tally"]["failed"] == 0)
    return bool((cell["rate"]["value"] or 0) > 0.5)


def has_gate(document: Data) -> bool:
    gate = document["suite"]["gate"]
    return bool(gate and gate["pass_rate"] is not None)

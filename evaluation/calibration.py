"""How far the judge agrees with people: labels against verdicts, and what to label next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from evaluation.figures.rates import wilson_interval
from evaluation.results import ExperimentDocument
from evaluation.verdicts import Label, Record, Status, Verdict, majority


class VerdictPair(NamedTuple):
    """The judge's verdict and people's on one criterion of one trial."""

    trial: str
    verdict: Verdict
    label: Status


class Disagreement(Record):
    """Where the judge and people differ."""

    trial: str
    verdict_id: str
    judge: Status
    people: Status
    reason: str = ""


class Calibration(Record):
    """Agreement on one criterion, over the trials that both called `pass` or `fail`.

    `kappa` is Cohen's, with a 95 % interval; None where chance alone would agree on all of them, as
    when both say `pass` each time. `fingerprint` is the judge's at the time.
    """

    verdict_id: str
    labelled: int
    compared: int
    agreed: int
    agreement: float | None = None
    agreement_low: float | None = None
    agreement_high: float | None = None
    kappa: float | None = None
    kappa_low: float | None = None
    kappa_high: float | None = None
    disagreements: list[Disagreement] = []
    fingerprint: str = ""

    def is_stale(self, fingerprint: str) -> bool:
        """Whether the judge, its prompt or the criterion has changed since."""
        return self.fingerprint != fingerprint


def pair_labels(
    verdicts: Mapping[str, Sequence[Verdict]], labels: Mapping[str, Sequence[Label]]
) -> list[VerdictPair]:
    """Verdicts with the labels of the same trial and id; both maps are by trial.

    Of several labellers the most frequent status counts; a tie is `inconclusive`.
    """
    pairs = []
    for trial, found in verdicts.items():
        for verdict in found:
            own = [one.status for one in labels.get(trial, ()) if one.verdict_id == verdict.id]
            if own:
                pairs.append(VerdictPair(trial, verdict, majority(own) or "inconclusive"))
    return pairs


def calibrate(pairs: Iterable[VerdictPair], fingerprint: str = "") -> list[Calibration]:
    """Agreement by criterion, in the order in which they first come."""
    by_id: dict[str, list[VerdictPair]] = {}
    for pair in pairs:
        by_id.setdefault(pair.verdict.id, []).append(pair)
    return [_calibrate(id, own, fingerprint) for id, own in by_id.items()]


def find_gate_kappa(calibrations: Iterable[Calibration], criteria: Iterable[str]) -> float | None:
    """The lowest kappa among the gate's criteria; None where one has none."""
    known = {one.verdict_id: one.kappa for one in calibrations}
    kappas = [known.get(id) for id in criteria]
    found = [kappa for kappa in kappas if kappa is not None]
    return min(found) if found and len(found) == len(kappas) else None


def _calibrate(id: str, pairs: Sequence[VerdictPair], fingerprint: str) -> Calibration:
    compared = [pair for pair in pairs if _is_clear(pair.verdict.status) and _is_clear(pair.label)]
    differ = [pair for pair in pairs if pair.verdict.status != pair.label]
    n, agreed = len(compared), sum(pair.verdict.status == pair.label for pair in compared)
    found = Calibration(
        verdict_id=id,
        labelled=len(pairs),
        compared=n,
        agreed=agreed,
        disagreements=[_disagreement(pair) for pair in differ],
        fingerprint=fingerprint,
    )
    if not n:
        return found
    low, high = wilson_interval(agreed / n, n)
    rates = {"agreement": agreed / n, "agreement_low": low, "agreement_high": high}
    return found.model_copy(update={**rates, **_kappa(compared, agreed / n, (low, high))})


def _kappa(
    pairs: Sequence[VerdictPair], agreement: float, interval: tuple[float, float]
) -> dict[str, float]:
    """Cohen's kappa. Its interval is that of the agreement, with chance held as it was seen."""
    n = len(pairs)
    judge = sum(pair.verdict.status == "pass" for pair in pairs) / n
    people = sum(pair.label == "pass" for pair in pairs) / n
    chance = judge * people + (1 - judge) * (1 - people)
    if chance >= 1:
        return {}
    low, value, high = (
        (share - chance) / (1 - chance) for share in (interval[0], agreement, interval[1])
    )
    return {"kappa": value, "kappa_low": max(low, -1.0), "kappa_high": min(high, 1.0)}


def _is_clear(status: Status) -> bool:
    return status in ("pass", "fail")


def _disagreement(pair: VerdictPair) -> Disagreement:
    return Disagreement(
        trial=pair.trial,
        verdict_id=pair.verdict.id,
        judge=pair.verdict.status,
        people=pair.label,
        reason=pair.verdict.reason,
    )


class Task(Record):
    """One criterion of one trial to be labelled, blind: what the judge said is not told."""

    trial: str
    verdict_id: str


def queue_labels(
    verdicts: Mapping[str, Sequence[Verdict]],
    labels: Mapping[str, Sequence[Label]],
    labeller: str = "",
    limit: int = 50,
) -> list[Task]:
    """What to label next, the most telling first.

    First what the panel was split on or could not judge, then criteria with few labels, failures
    and passes in turn, so that agreement can be told from chance. What `labeller` has labelled is
    left out, and what nobody judged by a criterion too.
    """
    counts = _count_labels(labels)
    open_ones: list[tuple[str, Verdict]] = [
        (trial, verdict)
        for trial, found in verdicts.items()
        for verdict in found
        if verdict.kind == "criterion"
        and not _has_labelled(labels.get(trial, ()), verdict.id, labeller)
    ]
    rounds: dict[tuple[str, Status], int] = {}
    ranked = []
    for trial, verdict in open_ones:
        group = (verdict.id, verdict.status)
        rounds[group] = rounds.get(group, counts.get(group, 0)) + 1
        doubtful = verdict.is_split or not _is_clear(verdict.status)
        ranked.append((not doubtful, rounds[group], trial, verdict.id))
    return [Task(trial=trial, verdict_id=id) for _, _, trial, id in sorted(ranked)[:limit]]


def _count_labels(labels: Mapping[str, Sequence[Label]]) -> dict[tuple[str, Status], int]:
    counts: dict[tuple[str, Status], int] = {}
    for found in labels.values():
        for label in found:
            group = (label.verdict_id, label.status)
            counts[group] = counts.get(group, 0) + 1
    return counts


def _has_labelled(labels: Sequence[Label], id: str, labeller: str) -> bool:
    own = [one for one in labels if one.verdict_id == id]
    return any(one.labeller == labeller for one in own) if labeller else bool(own)


def calibrate_experiment(document: ExperimentDocument) -> list[Calibration]:
    """Agreement by criterion over the labelled trials of a document that has its trials."""
    trials = [one for one in document.trials if one.conversation_id and one.labels]
    verdicts = {one.conversation_id or "": one.verdicts for one in trials}
    labels = {one.conversation_id or "": one.labels for one in trials}
    judge = document.suite.judge
    return calibrate(pair_labels(verdicts, labels), (judge and judge.prompt_hash) or "")


def queue_experiment(document: ExperimentDocument, labeller: str, limit: int) -> list[Task]:
    """What to label next of a document that has its trials; a task names the conversation."""
    trials = [one for one in document.trials if one.conversation_id]
    verdicts = {one.conversation_id or "": one.verdicts for one in trials}
    labels = {one.conversation_id or "": one.labels for one in trials}
    return queue_labels(verdicts, labels, labeller, limit)

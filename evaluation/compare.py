"""Two bots of an experiment, or an experiment and an earlier one, beside each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from evaluation.figures import sentences
from evaluation.figures.comparison import (
    Difference,
    Pair,
    compare_pairs,
    compare_scenarios,
    decide_difference,
)
from evaluation.figures.rates import CellCount
from evaluation.results import (
    CellRecord,
    Change,
    ChangeKind,
    Comparison,
    ComparisonAnswer,
    ComparisonDocument,
    ExperimentDocument,
    ScenarioDifference,
    Sentence,
    Side,
)
from evaluation.summary import to_rate, to_sentence

Place = tuple[str, str]
Kind = Literal["bots", "baseline"]
_ORDER: tuple[ChangeKind, ...] = ("pass_to_fail", "fail_to_pass", "worse", "better", "same")
EXIT_CODES: dict[ComparisonAnswer, int] = {
    "not_worse": 0,
    "worse": 1,
    "undecided": 4,
    "not_comparable": 4,
}


def compare_cells(
    kind: Kind,
    base: tuple[Side, Sequence[CellRecord]],
    head: tuple[Side, Sequence[CellRecord]],
    *,
    margin: float = 0.05,
    tolerance: float = 0.1,
    moved: Sequence[str] = (),
) -> Comparison:
    """Head against base over the scenarios and personas that both have.

    `moved` names what else than the bot has changed, where the caller knows; scenarios whose
    fingerprints differ are added. Anything that moved makes the two not comparable, and what was
    measured in another way is no change of the bot.
    """
    (base_side, base_cells), (head_side, head_cells) = base, head
    bases = {(cell.scenario, cell.persona): cell for cell in base_cells}
    heads = {(cell.scenario, cell.persona): cell for cell in head_cells}
    shared = [place for place in heads if place in bases]
    pairs = _pairs(shared, bases, heads)
    difference = compare_pairs(pairs) if pairs else None
    scenarios = sorted(_changed_scenarios(shared, bases, heads))
    changed = [*moved, *scenarios]
    decided = [place for place in shared if bases[place].decision or heads[place].decision]
    counts = _count_accepted(decided, bases), _count_accepted(decided, heads)
    accepted = counts if decided else None
    answer = _answer(difference, changed, margin, tolerance, accepted)
    return Comparison(
        kind=kind,
        base=base_side,
        head=head_side,
        answer=answer,
        margin=margin,
        tolerance=tolerance,
        moved=changed,
        pairs=len(pairs),
        scenarios=len({pair.scenario for pair in pairs}),
        base_rate=to_rate([pair.base for pair in pairs], with_interval=not decided),
        head_rate=to_rate([pair.head for pair in pairs], with_interval=not decided),
        **_figures(difference, estimated=not decided),
        changes=_changes([one for one in shared if one[0] not in scenarios], bases, heads),
        by_scenario=_compare_scenarios(pairs),
        only_in_base=[_name(place) for place in bases if place not in heads],
        only_in_head=[_name(place) for place in heads if place not in bases],
        sentence=_sentence(
            difference, _label(kind, base_side), pairs, (tuple(moved), scenarios), accepted
        ),
    )


def compare_bots(
    experiment: str, cells: Sequence[CellRecord], versions: Mapping[str, str | None]
) -> list[Comparison]:
    """The first bot of an experiment against each of the others. `versions` has them in order."""
    sides = [
        (
            Side(experiment=experiment, bot=bot, version=version),
            [cell for cell in cells if cell.bot == bot],
        )
        for bot, version in versions.items()
    ]
    return [compare_cells("bots", sides[0], other) for other in sides[1:]]


def compare_experiments(
    base: ExperimentDocument,
    head: ExperimentDocument,
    *,
    margin: float = 0.05,
    tolerance: float = 0.1,
    moved: Sequence[str] = (),
) -> list[Comparison]:
    """Each bot against the same bot of the base. One bot a side is compared whatever its name."""
    return [
        compare_cells(
            "baseline",
            _side(base, base_bot),
            _side(head, head_bot),
            margin=margin,
            tolerance=tolerance,
            moved=moved,
        )
        for base_bot, head_bot in _match_bots(base, head)
    ]


def build_comparison(
    base: ExperimentDocument,
    head: ExperimentDocument,
    *,
    generated_at: str,
    margin: float = 0.05,
    moved: Sequence[str] = (),
) -> ComparisonDocument:
    """The document of `duologue compare`. Its answer is the worst of the bots'."""
    found = compare_experiments(base, head, margin=margin, moved=moved)
    answer = _worst([comparison.answer for comparison in found])
    return ComparisonDocument(
        generated_at=generated_at,
        base=base.experiment,
        head=head.experiment,
        suite=head.suite,
        comparisons=found,
        answer=answer,
        exit_code=EXIT_CODES[answer],
        sentence=_summary(found, answer),
    )


# --- the parts ----------------------------------------------------------------------------------


def _side(document: ExperimentDocument, bot: str) -> tuple[Side, list[CellRecord]]:
    version = next((info.version for info in document.suite.bots if info.id == bot), None)
    info = document.experiment
    side = Side(experiment=info.id, name=info.name, bot=bot, version=version)
    return side, [cell for cell in document.cells if cell.bot == bot]


def _match_bots(base: ExperimentDocument, head: ExperimentDocument) -> list[tuple[str, str]]:
    bases, heads = [bot.id for bot in base.suite.bots], [bot.id for bot in head.suite.bots]
    if len(bases) == len(heads) == 1:
        return [(bases[0], heads[0])]
    return [(bot, bot) for bot in heads if bot in bases]


def _pairs(
    shared: Iterable[Place],
    bases: Mapping[Place, CellRecord],
    heads: Mapping[Place, CellRecord],
) -> list[Pair]:
    found = (
        Pair(
            *place,
            bases[place].rate.passed,
            bases[place].rate.judged,
            heads[place].rate.passed,
            heads[place].rate.judged,
        )
        for place in shared
    )
    return [pair for pair in found if pair.base_judged and pair.head_judged]


def _changed_scenarios(
    shared: Iterable[Place],
    bases: Mapping[Place, CellRecord],
    heads: Mapping[Place, CellRecord],
) -> set[str]:
    """Scenarios that were measured in another way: their fingerprints differ."""
    prints = {place: (bases[place].fingerprint, heads[place].fingerprint) for place in shared}
    return {place[0] for place, (one, other) in prints.items() if one and other and one != other}


def _count_accepted(places: Iterable[Place], cells: Mapping[Place, CellRecord]) -> int:
    return sum(
        cells[place].decision in ("accepted", None) and _passes(cells[place]) for place in places
    )


def _answer(
    difference: Difference | None,
    moved: Sequence[str],
    margin: float,
    tolerance: float,
    accepted: tuple[int, int] | None,
) -> ComparisonAnswer:
    """Where trials stopped early, by the cells accepted on both sides and the test alone.

    Both sides stopped by the same rule, so that signs may still be flipped if nothing changed; the
    size of the difference is no estimate.
    """
    if moved or difference is None:
        return "not_comparable"
    if accepted is None:
        return decide_difference(difference, margin, tolerance)
    if difference.value < -margin and difference.p_value <= 0.1:
        return "worse"
    return "not_worse" if accepted[1] >= accepted[0] else "undecided"


def _figures(difference: Difference | None, *, estimated: bool) -> dict[str, Any]:
    """The fields of a comparison that come from its difference."""
    if difference is None:
        return {}
    tested = {"p_value": difference.p_value, "unit": difference.unit}
    if not estimated:
        return tested
    bounds = {name: getattr(difference, name) for name in ("low", "high", "lower", "upper")}
    return {"difference": difference.value, **bounds, **tested}


def _changes(
    shared: Iterable[Place],
    bases: Mapping[Place, CellRecord],
    heads: Mapping[Place, CellRecord],
) -> list[Change]:
    found = [
        Change(
            scenario=place[0],
            persona=place[1],
            kind=_classify(bases[place], heads[place]),
            base=bases[place].rate,
            head=heads[place].rate,
        )
        for place in shared
        if bases[place].rate.judged and heads[place].rate.judged
    ]
    return sorted(found, key=lambda change: (_ORDER.index(change.kind), _size(change)))


def _classify(base: CellRecord, head: CellRecord) -> ChangeKind:
    before, after = _passes(base), _passes(head)
    if before != after:
        return "pass_to_fail" if before else "fail_to_pass"
    was, now = base.rate.value or 0.0, head.rate.value or 0.0
    if was == now:
        return "same"
    return "worse" if now < was else "better"


def _passes(cell: CellRecord) -> bool:
    """A decided cell by its decision, any other where more than half of its trials pass."""
    if cell.decision in ("accepted", "rejected"):
        return cell.decision == "accepted"
    return (cell.rate.value or 0.0) > 0.5


def _size(change: Change) -> float:
    return -abs((change.head.value or 0.0) - (change.base.value or 0.0))


def _compare_scenarios(pairs: Sequence[Pair]) -> list[ScenarioDifference]:
    found = []
    for scenario, (p_value, adjusted) in compare_scenarios(pairs).items():
        own = [pair for pair in pairs if pair.scenario == scenario]
        base, head = (_mean([side(pair) for pair in own]) for side in (_base, _head))
        found.append(
            ScenarioDifference(
                scenario=scenario,
                base=base,
                head=head,
                difference=head - base,
                p_value=p_value,
                adjusted=adjusted,
            )
        )
    return sorted(found, key=lambda one: (one.adjusted, one.difference))


def _base(pair: Pair) -> CellCount:
    return pair.base


def _head(pair: Pair) -> CellCount:
    return pair.head


def _mean(counts: Sequence[CellCount]) -> float:
    return min(1.0, sum(count.rate for count in counts) / len(counts))


def _sentence(
    difference: Difference | None,
    base: str,
    pairs: Sequence[Pair],
    moved: tuple[Sequence[str], Sequence[str]],
    accepted: tuple[int, int] | None,
) -> Sentence:
    if difference is None:
        return to_sentence(sentences.NOTHING_SHARED)
    if any(moved):
        return to_sentence(sentences.describe_incomparable(*moved))
    if accepted is not None:
        by_chance = difference.p_value > 0.05
        return to_sentence(
            sentences.describe_decided_difference(base, accepted, len(pairs), by_chance=by_chance)
        )
    repeats = sum(pair.head_judged for pair in pairs) / len(pairs)
    return to_sentence(sentences.describe_difference(difference, base, len(pairs), repeats))


def _label(kind: Kind, side: Side) -> str:
    return side.bot if kind == "bots" else side.name or side.experiment[:8]


def _worst(answers: Sequence[ComparisonAnswer]) -> ComparisonAnswer:
    order: tuple[ComparisonAnswer, ...] = ("worse", "not_comparable", "undecided", "not_worse")
    return next((answer for answer in order if answer in answers), "not_comparable")


def _summary(found: Sequence[Comparison], answer: ComparisonAnswer) -> Sentence:
    decisive = [comparison for comparison in found if comparison.answer == answer]
    if not decisive:
        return to_sentence(sentences.NOTHING_SHARED)
    if len(found) == 1:
        return decisive[0].sentence
    bot, sentence = decisive[0].head.bot, decisive[0].sentence
    return Sentence(en=f"{bot}: {sentence.en}", vi=f"{bot}: {sentence.vi}")


def _name(place: Place) -> str:
    return "/".join(part for part in place if part)

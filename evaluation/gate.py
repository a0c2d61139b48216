"""The figures of a whole experiment, its gate and the exit code that follows from it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from evaluation.figures import sentences
from evaluation.figures.gate import (
    Answer,
    RateDecision,
    combine_answers,
    decide_exit,
    decide_rate,
    decide_shares,
)
from evaluation.figures.rates import CellCount
from evaluation.figures.sentences import BilingualText
from evaluation.figures.sequential import fixed_passes
from evaluation.results import (
    BotFigures,
    CellRecord,
    Comparison,
    Condition,
    Figures,
    GateResult,
    Sentence,
    Tally,
)
from evaluation.simulated_users import (
    Played,
    describe_second_opinions,
    describe_users,
    summarize_second_opinions,
    summarize_users,
)
from evaluation.suite_info import AutoRepeats, GateRule, SuiteInfo
from evaluation.summary import (
    JudgedTrial,
    QuestionCounts,
    add_tallies,
    count_verdicts,
    question_cells,
    summarize_bot,
    summarize_cost,
    to_count,
    to_sentence,
)


def summarize(
    suite: SuiteInfo,
    cells: Sequence[CellRecord],
    trials: Iterable[JudgedTrial],
    comparisons: Sequence[Comparison] = (),
) -> Figures:
    """The figures of an experiment. Comparisons with a baseline are conditions of the gate."""
    by_bot: dict[str, list[JudgedTrial]] = {bot.id: [] for bot in suite.bots}
    trials = list(trials)
    for trial in trials:
        by_bot.setdefault(trial.bot, []).append(trial)
    cells_of = {bot: [cell for cell in cells if cell.bot == bot] for bot in by_bot}
    verdicts = {bot: count_verdicts(group) for bot, group in by_bot.items()}
    gate = decide_gate(suite, cells_of, verdicts, comparisons)
    bots = [
        summarize_bot(suite, bot, cells_of[bot], group, verdicts[bot])
        for bot, group in by_bot.items()
    ]
    tally = add_tallies(cell.tally for cell in cells)
    invalid = find_invalidity(suite.gate, tally)
    played = [Played(t.id, t.cell, t.outcome, t.user, t.second_opinion) for t in trials]
    users = summarize_users(played, {one.id: one.aims for one in suite.personas})
    second = summarize_second_opinions(played)
    told = [describe_second_opinions(second) if second else None, *map(describe_users, users)]
    return Figures(
        tally=tally,
        bots=[_add_answer(figures, gate) for figures in bots],
        gate=gate,
        valid=invalid is None,
        invalid_reason=invalid,
        flaky_cells=sum(cell.flaky for cell in cells),
        cost=summarize_cost(bots),
        users=users,
        second_opinion=second,
        notes=[to_sentence(note) for note in (*_notes(suite, comparisons), *told) if note],
        sentence=invalid or (gate.sentence if gate else to_sentence(_describe_tally(tally))),
    )


def choose_exit_code(figures: Figures, suite: SuiteInfo, *, finished: bool) -> int:
    """The exit code of `duologue test`; `finished` unless it is paused, stopped or interrupted.

    Without a gate: 0 only if all trials passed, 1 if one failed, 4 if none failed but some were not
    judged.
    """
    tally = figures.tally
    answer: Answer | None = figures.gate.answer if figures.gate else None
    if figures.gate is None and tally.failed == 0 and not _all_passed(tally):
        answer = "undecided"
    return decide_exit(
        answer,
        finished=finished and not tally.pending,
        valid=figures.valid,
        clean=_all_passed(tally),
        undecided=suite.gate.undecided if suite.gate else None,
        judged=_is_judged(figures),
    )


def _is_judged(figures: Figures) -> bool:
    """Whether each rate that the gate asks for is of some trial."""
    asked = figures.gate.conditions if figures.gate else []
    rates = [one.value for one in asked if one.kind in ("pass_rate", "criterion")]
    return figures.tally.passed + figures.tally.failed > 0 and None not in rates


def find_invalidity(rule: GateRule | None, tally: Tally) -> Sentence | None:
    """Why the experiment is invalid: more trials broke than may. None where it is valid."""
    ended = tally.total - tally.pending - tally.skipped
    allowed = rule.broken_at_most if rule else 0.0
    if not ended or tally.broken / ended <= allowed:
        return None
    return to_sentence(sentences.describe_broken(tally.broken, ended, allowed))


# --- the gate -----------------------------------------------------------------------------------


def decide_gate(
    suite: SuiteInfo,
    cells_of: Mapping[str, Sequence[CellRecord]],
    verdicts: Mapping[str, QuestionCounts],
    comparisons: Sequence[Comparison] = (),
) -> GateResult | None:
    """Every bot has to meet every condition. None where the suite asks for nothing."""
    rule = suite.gate
    conditions = [
        condition
        for bot, cells in cells_of.items()
        for condition in _conditions(suite, rule or GateRule(), bot, cells, verdicts[bot])
    ]
    conditions += [_check_baseline(each) for each in comparisons if each.kind == "baseline"]
    if not conditions:
        return None
    answer = combine_answers(condition.answer for condition in conditions)
    return GateResult(answer=answer, conditions=conditions, sentence=_describe_gate(conditions))


def _conditions(
    suite: SuiteInfo,
    rule: GateRule,
    bot: str,
    cells: Sequence[CellRecord],
    verdicts: QuestionCounts,
) -> Iterator[Condition]:
    fixed = [to_count(cell) for cell in cells if cell.decision is None]
    decided = [cell for cell in cells if cell.decision is not None]
    if rule.pass_rate is not None and (fixed or not decided):
        yield _check_rate("pass_rate", "", bot, fixed, rule.pass_rate, rule.tolerance)
    if rule.pass_rate is not None and decided:
        yield _check_decisions(bot, decided, rule.pass_rate)
    for criterion, required in rule.criteria.items():
        counts = question_cells(verdicts.get((criterion, "criterion"), {}))
        yield _check_rate("criterion", criterion, bot, counts, required, rule.tolerance)
    if rule.criteria and suite.judge and suite.judge.min_kappa is not None:
        yield from _check_agreement(bot, suite.judge.kappa, suite.judge.min_kappa)


def _check_rate(
    kind: str,
    name: str,
    bot: str,
    counts: Sequence[CellCount],
    required: float,
    tolerance: float,
) -> Condition:
    decision = decide_rate(counts, required, tolerance)
    open_trials = sum(count.open for count in counts)
    wording = sentences.describe_gate(decision, required, tolerance, open_trials)
    floor = max(0.0, required - tolerance)
    return _condition(kind, name, bot, decision, wording, required=required, floor=floor)


def _check_decisions(bot: str, cells: Sequence[CellRecord], required: float) -> Condition:
    decisions = [cell.decision for cell in cells]
    accepted, rejected = decisions.count("accepted"), decisions.count("rejected")
    decision = decide_shares(accepted, rejected, len(cells) - accepted - rejected, required)
    wording = sentences.describe_cells_gate(decision, required)
    return _condition("cells", "", bot, decision, wording, required=required)


def _check_agreement(bot: str, kappa: float | None, required: float) -> Iterator[Condition]:
    """A judge that people do not agree with decides nothing."""
    if kappa is None or kappa < required:
        decision = RateDecision("undecided", kappa)
        wording = sentences.describe_agreement(kappa, required)
        yield _condition("agreement", "", bot, decision, wording, required=required)


def _check_baseline(comparison: Comparison) -> Condition:
    answers: dict[str, Answer] = {"worse": "not_met", "not_comparable": "undecided"}
    decision = RateDecision(answers.get(comparison.answer, "met"), comparison.difference)
    bounds = decision._replace(lower=comparison.lower, upper=comparison.upper)
    return _condition(
        "baseline",
        comparison.base.name or comparison.base.experiment,
        comparison.head.bot,
        bounds,
        BilingualText(comparison.sentence.en, comparison.sentence.vi),
        required=-comparison.margin,
    )


def _condition(
    kind: str,
    name: str,
    bot: str,
    decision: RateDecision,
    wording: BilingualText,
    *,
    required: float,
    floor: float | None = None,
) -> Condition:
    return Condition.model_validate(
        {
            "kind": kind,
            "name": name,
            "bot": bot,
            "answer": decision.answer,
            "required": required,
            "floor": floor,
            "value": decision.value,
            "lower": decision.lower,
            "upper": decision.upper,
            "more_trials": decision.more_trials,
            "sentence": to_sentence(wording),
        }
    )


def _add_answer(figures: BotFigures, gate: GateResult | None) -> BotFigures:
    own = [each.answer for each in gate.conditions if each.bot == figures.bot] if gate else []
    return figures.model_copy(update={"answer": combine_answers(own)}) if own else figures


# --- words --------------------------------------------------------------------------------------


def _describe_gate(conditions: Sequence[Condition]) -> Sentence:
    """The sentence of the worst condition, with the bot where there is more than one."""
    answer = combine_answers(condition.answer for condition in conditions)
    worst = next(condition for condition in conditions if condition.answer == answer)
    if len({condition.bot for condition in conditions}) == 1 and not worst.name:
        return worst.sentence
    name = f"{worst.bot}, {worst.name}" if worst.name else worst.bot
    return Sentence(en=f"{name}: {worst.sentence.en}", vi=f"{name}: {worst.sentence.vi}")


def _describe_tally(tally: Tally) -> BilingualText:
    return sentences.describe_tally(tally.passed, tally.failed, tally.unjudged, tally.total)


def _notes(suite: SuiteInfo, comparisons: Sequence[Comparison]) -> Iterator[BilingualText]:
    """What the reader should know before believing the figures."""
    if suite.baseline and not any(each.kind == "baseline" for each in comparisons):
        yield sentences.describe_no_baseline(suite.baseline.experiment)
    plans = [scenario.repeats for scenario in suite.scenarios]
    few = [plan for plan in plans if not isinstance(plan, AutoRepeats) and plan <= 5]
    if few and suite.gate and suite.gate.pass_rate is not None:
        most = max(few)
        lucky = fixed_passes(0.6, most, suite.gate.pass_rate)
        yield sentences.describe_luck(0.6, most, suite.gate.pass_rate, lucky)
    if 1 < len(suite.scenarios) < 10:
        yield sentences.describe_few_scenarios(len(suite.scenarios))


def _all_passed(tally: Tally) -> bool:
    """Of a finished experiment: what it skipped was decided without."""
    return tally.passed == tally.total - tally.skipped > 0

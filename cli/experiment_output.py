"""An experiment on a terminal: live while it runs, then what failed and how to see it again."""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, TextIO

from cli.plain import use_utf8
from evaluation.cells import ResolvedSuite
from evaluation.experiments.events import Event
from evaluation.results import Comparison, ExperimentDocument, Rate, TrialRecord
from evaluation.verdicts import Verdict
from graph.storage.experiment_rows import ExperimentRow

MOST_FAILURES = 10
MOST_FLIPS = 10
LONGEST = 160
TELL_EVERY = 10
"""Percent of the trials after which a line tells where it stands, where nobody sees it live."""


class ExperimentOutput(Protocol):
    """Tells a person how an experiment goes on and what was found."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def plan(self, suites: Sequence[ResolvedSuite]) -> int: ...

    def show_opening(self, row: ExperimentRow) -> None: ...

    def event(self, event: Event) -> None: ...

    def show_closing(self, document: ExperimentDocument, written: Sequence[str]) -> None: ...


def choose_output(options: Namespace) -> ExperimentOutput:
    """Live on a terminal, else line by line; on stderr where a report goes to stdout."""
    piped = "-" in (getattr(options, name, None) for name in ("json", "jsonl", "html", "markdown"))
    piped = piped or "-" in (getattr(options, name, None) for name in ("junit", "csv"))
    out = use_utf8(sys.stderr if piped else sys.stdout)
    if not out.isatty():
        return PlainExperiment(out, options.lang)
    from rich.console import Console

    from cli.experiment_screen import LiveExperiment

    console = Console(file=out, highlight=False)
    if console.is_dumb_terminal:
        return PlainExperiment(out, options.lang)
    return LiveExperiment(console, options.lang)


class PlainExperiment:
    """Line by line: a line for each trial that does not pass, and now and then how far it is."""

    def __init__(self, out: TextIO, language: str = "en") -> None:
        self._out, self._language = out, language
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is held."""

    def plan(self, suites: Sequence[ResolvedSuite]) -> int:
        for suite in suites:
            for line in describe_plan(suite):
                self._say(line)
        return 0

    def show_opening(self, row: ExperimentRow) -> None:
        self._say(describe_opening(row))

    def event(self, event: Event) -> None:
        if event.event == "trial" and event.data.get("outcome") in ("failed", "broken"):
            self._say(f"  {event.data['outcome']}: {name_trial(event.data)}")
        elif event.event == "progress":
            self._tell(event.data)

    def _tell(self, data: Mapping[str, Any]) -> None:
        percent = 100 * data["finished"] // max(data["total"], 1)
        if percent - self._told >= TELL_EVERY:
            self._told = percent
            self._say(describe_progress(data))

    def show_closing(self, document: ExperimentDocument, written: Sequence[str]) -> None:
        for line in describe_result(document, self._language, written):
            self._say(line)

    def _say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


# --- words ----------------------------------------------------------------------------------------


def describe_opening(row: ExperimentRow) -> str:
    name = f" “{row.name}”" if row.name else ""
    return f"Experiment {row.id}{name}: {row.suite}, {row.total} trials"


def describe_plan(suite: ResolvedSuite) -> Iterator[str]:
    """What would run, a line for each cell."""
    yield f"{suite.suite.name}: {suite.count} trials in {len(suite.cells)} cells"
    for cell in suite.cells:
        yield f"  {cell.key}  × {cell.most_repeats}"


def name_trial(data: Mapping[str, Any]) -> str:
    return f"{data['scenario']}/{data.get('persona') or '-'}/{data['bot']}#{data['repeat']}"


def describe_progress(data: Mapping[str, Any]) -> str:
    """`40 of 90 trials, 36 passed, 4 failed, 0.12 USD, 12 s, about 15 s left`."""
    names = ("passed", "failed", "unjudged", "broken", "skipped")
    counts = [f"{data[name]} {name}" for name in names if data[name]]
    left = data.get("seconds_left")
    cost = [f"{data['cost_usd']:.2f} USD"] if data["cost_usd"] else []
    rest = [f"about {format_seconds(left)} left"] if left else []
    done = f"{data['finished']} of {data['total']} trials"
    return ", ".join([done, *counts, *cost, format_seconds(data["seconds"]), *rest])


def format_seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"


def describe_result(
    document: ExperimentDocument, language: str, written: Sequence[str]
) -> Iterator[str]:
    """Failures first, each with the command that reproduces it; then what follows from them."""
    yield ""
    yield from describe_failures(document)
    yield from describe_broken(document)
    yield from describe_unjudged(document)
    for comparison in document.comparisons:
        yield from describe_changes(comparison, language)
    yield from describe_bots(document)
    yield from describe_end(document, language)
    yield from (f"Report: {file}" for file in written)
    yield f"Exit code {document.experiment.exit_code}"


def describe_failures(document: ExperimentDocument) -> Iterator[str]:
    """The failing cells, the worst first."""
    failing = [cell for cell in document.cells if cell.tally.failed]
    failing.sort(key=lambda cell: (cell.rate.value or 0.0, -cell.tally.failed))
    if failing:
        yield f"Failed in {len(failing)} of {len(document.cells)} cells, the worst first:"
    for cell in failing[:MOST_FAILURES]:
        trials = [one for one in document.trials if one.cell == cell.key]
        failed = [one for one in trials if one.outcome == "failed"]
        yield f"  ✗ {cell.key}: {format_rate(cell.rate)}{', flaky' if cell.flaky else ''}"
        yield from describe_trial(failed[0])
    if len(failing) > MOST_FAILURES:
        yield f"  and {len(failing) - MOST_FAILURES} more, see a report (--html FILE)"


def describe_trial(trial: TrialRecord) -> Iterator[str]:
    """Why it failed, in the bot's own words, and how to see it again."""
    for verdict in trial.verdicts:
        if verdict.must and verdict.status == "fail":
            yield f"      {verdict.id}: {shorten(verdict.reason)}"
            yield from _quote(verdict)
    if trial.reproduce:
        yield f"      again: {trial.reproduce}"
    if trial.conversation_id:
        yield f"      read:  duologue show {trial.conversation_id}"


def _quote(verdict: Verdict) -> Iterator[str]:
    for evidence in verdict.evidence[:2]:
        if evidence.quote:
            yield f"        message {evidence.message}: “{shorten(evidence.quote)}”"


def describe_broken(document: ExperimentDocument) -> Iterator[str]:
    """Trials that say nothing about the bot, by their cause."""
    broken = [one for one in document.trials if one.outcome == "broken" and one.broken]
    if not broken:
        return
    yield f"Broken: {len(broken)} trials say nothing about quality"
    seen: dict[tuple[str, str], list[TrialRecord]] = {}
    for one in broken:
        assert one.broken is not None  # noqa: S101 - chosen above
        seen.setdefault((one.broken.cause, one.broken.code), []).append(one)
    for (cause, code), some in seen.items():
        message = some[0].broken.message if some[0].broken else ""
        yield f"  {len(some)} × {cause}: {code}: {shorten(message)}"
    yield f"  again: duologue test --resume {document.experiment.id[:8]} --retry broken"


def describe_unjudged(document: ExperimentDocument) -> Iterator[str]:
    """Trials that could not be judged, by what kept checks and judge from it."""
    unjudged = [one for one in document.trials if one.outcome == "unjudged"]
    if not unjudged:
        return
    yield f"Not judged: {len(unjudged)} trials, in no rate"
    causes = Counter(
        (verdict.id, verdict.status, shorten(verdict.reason))
        for one in unjudged
        for verdict in one.verdicts
        if verdict.must and verdict.status in ("error", "inconclusive")
    )
    for (id, status, reason), count in causes.most_common(MOST_FAILURES):
        yield f"  {count} × {id}: {status}: {reason}"
    yield f"  again: duologue test --resume {document.experiment.id[:8]} --retry unjudged"


def describe_changes(comparison: Comparison, language: str) -> Iterator[str]:
    base, head = comparison.base, comparison.head
    names = (base.name or base.experiment[:8], head.name or head.experiment[:8])
    pair = f"{base.bot} → {head.bot}" if comparison.kind == "bots" else f"{names[0]} → {names[1]}"
    yield f"Compared, {pair}: {getattr(comparison.sentence, language)}"
    marks = {"pass_to_fail": "pass → fail", "fail_to_pass": "fail → pass"}
    flips = [change for change in comparison.changes if change.kind in marks]
    for change in flips[:MOST_FLIPS]:
        where = f"{change.scenario}/{change.persona or '-'}"
        rates = f"{format_rate(change.base)} → {format_rate(change.head)}"
        yield f"  {marks[change.kind]}: {where}, {rates}"


def describe_bots(document: ExperimentDocument) -> Iterator[str]:
    for figures in document.figures.bots:
        rate = figures.rate
        interval = ""
        if rate.low is not None and rate.high is not None:
            interval = f", 95 % interval {100 * rate.low:.0f} to {100 * rate.high:.0f} %"
        yield f"Bot {figures.bot}: {format_rate(rate)}{interval}"


def describe_end(document: ExperimentDocument, language: str) -> Iterator[str]:
    figures, info = document.figures, document.experiment
    for note in figures.notes:
        yield f"Note: {getattr(note, language)}"
    if info.status != "completed":
        reason = f" ({info.reason})" if info.reason else ""
        command = f"duologue test --resume {info.id[:8]}"
        yield f"{info.status.capitalize()}{reason}; go on with: {command}"
    yield getattr(figures.sentence, language)


def format_rate(rate: Rate) -> str:
    if rate.value is None:
        return "nothing judged"
    counts = f"{rate.passed} of {rate.judged} passed"
    if rate.low is None:  # trials stopped early: their share is no estimate
        return counts
    return f"{counts} ({100 * rate.value:.0f} %)"


def shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"

"""An experiment on a terminal: live while it runs, then what failed and how to see it again."""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, TextIO

from cli.experiment_texts import speak, write_count, write_duration
from cli.plain import use_utf8
from evaluation.cells import ResolvedSuite
from evaluation.experiments.events import Event
from evaluation.results import Comparison, ExperimentDocument, Rate, TrialRecord
from evaluation.verdicts import Verdict
from graph.storage.experiment_rows import ExperimentRow
from reports.reasons import translate_reason

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
            for line in describe_plan(suite, self._language):
                self._say(line)
        return 0

    def show_opening(self, row: ExperimentRow) -> None:
        self._say(describe_opening(row, self._language))

    def event(self, event: Event) -> None:
        if event.event == "trial" and event.data.get("outcome") in ("failed", "broken"):
            outcome = speak(self._language)(event.data["outcome"])
            self._say(f"  {outcome}: {name_trial(event.data)}")
        elif event.event == "progress":
            self._tell(event.data)

    def _tell(self, data: Mapping[str, Any]) -> None:
        percent = 100 * data["finished"] // max(data["total"], 1)
        if percent - self._told >= TELL_EVERY:
            self._told = percent
            self._say(describe_progress(data, self._language))

    def show_closing(self, document: ExperimentDocument, written: Sequence[str]) -> None:
        for line in describe_result(document, self._language, written):
            self._say(line)

    def _say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


# --- words ----------------------------------------------------------------------------------------


def describe_opening(row: ExperimentRow, language: str) -> str:
    name = f" “{row.name}”" if row.name else ""
    trials = write_count(row.total, "trial", language)
    return speak(language)("opening", id=row.id, name=name, suite=row.suite, trials=trials)


def describe_plan(suite: ResolvedSuite, language: str) -> Iterator[str]:
    """What would run, a line for each cell."""
    trials = write_count(suite.count, "trial", language)
    cells = write_count(len(suite.cells), "cell", language)
    yield speak(language)("plan", name=suite.suite.name, trials=trials, cells=cells)
    for cell in suite.cells:
        yield f"  {cell.key}  × {cell.most_repeats}"


def name_trial(data: Mapping[str, Any]) -> str:
    return f"{data['scenario']}/{data.get('persona') or '-'}/{data['bot']}#{data['repeat']}"


def describe_progress(data: Mapping[str, Any], language: str = "en") -> str:
    """`40 of 90 trials, 36 passed, 4 failed, 0.12 USD, 12 s, about 15 s left`."""
    say = speak(language)
    names = ("passed", "failed", "unjudged", "broken", "skipped")
    counts = [say("count", n=data[name], outcome=say(name)) for name in names if data[name]]
    left = data.get("seconds_left")
    cost = [f"{data['cost_usd']:.2f} USD"] if data["cost_usd"] else []
    rest = [say("left", time=write_duration(left, language))] if left else []
    done = say("done", done=data["finished"], trials=write_count(data["total"], "trial", language))
    return ", ".join([done, *counts, *cost, write_duration(data["seconds"], language), *rest])


def describe_result(
    document: ExperimentDocument, language: str, written: Sequence[str]
) -> Iterator[str]:
    """Failures first, each with the command that reproduces it; then what follows from them."""
    say = speak(language)
    yield ""
    yield from describe_failures(document, language)
    yield from describe_broken(document, language)
    yield from describe_unjudged(document, language)
    for comparison in document.comparisons:
        yield from describe_changes(comparison, language)
    yield from describe_bots(document, language)
    yield from describe_end(document, language)
    yield from (say("report", file=file) for file in written)
    yield say("exit", n=document.experiment.exit_code)


def describe_failures(document: ExperimentDocument, language: str) -> Iterator[str]:
    """The failing cells, the worst first."""
    say = speak(language)
    failing = [cell for cell in document.cells if cell.tally.failed]
    failing.sort(key=lambda cell: (cell.rate.value or 0.0, -cell.tally.failed))
    if failing:
        cells = write_count(len(document.cells), "cell", language)
        yield say("failed_in", n=len(failing), cells=cells)
    for cell in failing[:MOST_FAILURES]:
        trials = [one for one in document.trials if one.cell == cell.key]
        failed = [one for one in trials if one.outcome == "failed"]
        flaky = say("flaky") if cell.flaky else ""
        yield f"  ✗ {cell.key}: {format_rate(cell.rate, language)}{flaky}"
        yield from describe_trial(failed[0], language)
    if len(failing) > MOST_FAILURES:
        yield f"  {say('more', n=len(failing) - MOST_FAILURES)}"


def describe_trial(trial: TrialRecord, language: str) -> Iterator[str]:
    """Why it failed, in the bot's own words, and how to see it again."""
    say = speak(language)
    for verdict in trial.verdicts:
        if verdict.must and verdict.status == "fail":
            yield f"      {verdict.id}: {shorten(_explain(verdict, language))}"
            yield from _quote(verdict, language)
    if trial.reproduce:
        yield f"      {say('again')}: {trial.reproduce}"
    if trial.conversation_id:
        yield f"      {say('read')} duologue show {trial.conversation_id}"


def _explain(verdict: Verdict, language: str) -> str:
    """The reason; that of a check in the reader's language, a judge's in its own words."""
    is_ours = language == "vi" and verdict.kind == "check"
    return translate_reason(verdict.reason) if is_ours else verdict.reason


def _quote(verdict: Verdict, language: str) -> Iterator[str]:
    for evidence in verdict.evidence[:2]:
        if evidence.quote:
            place = speak(language)("message", n=evidence.message)
            yield f"        {place}: “{shorten(evidence.quote)}”"


def describe_broken(document: ExperimentDocument, language: str) -> Iterator[str]:
    """Trials that say nothing about the bot, by their cause."""
    say = speak(language)
    broken = [one for one in document.trials if one.outcome == "broken" and one.broken]
    if not broken:
        return
    yield say("broken_lead", trials=write_count(len(broken), "trial", language))
    seen: dict[tuple[str, str], list[TrialRecord]] = {}
    for one in broken:
        assert one.broken is not None  # noqa: S101 - chosen above
        seen.setdefault((one.broken.cause, one.broken.code), []).append(one)
    for (cause, code), some in seen.items():
        message = some[0].broken.message if some[0].broken else ""
        yield f"  {len(some)} × {say(f'cause_{cause}')}: {code}: {shorten(message)}"
    command = f"duologue test --resume {document.experiment.id[:8]} --retry broken"
    yield f"  {say('again')}: {command}"


def describe_unjudged(document: ExperimentDocument, language: str) -> Iterator[str]:
    """Trials that could not be judged, by what kept checks and judge from it."""
    say = speak(language)
    unjudged = [one for one in document.trials if one.outcome == "unjudged"]
    if not unjudged:
        return
    yield say("unjudged_lead", trials=write_count(len(unjudged), "trial", language))
    causes = Counter(
        (verdict.id, verdict.status, shorten(_explain(verdict, language)))
        for one in unjudged
        for verdict in one.verdicts
        if verdict.must and verdict.status in ("error", "inconclusive")
    )
    for (id, status, reason), count in causes.most_common(MOST_FAILURES):
        yield f"  {count} × {id}: {say(status)}: {reason}"
    command = f"duologue test --resume {document.experiment.id[:8]} --retry unjudged"
    yield f"  {say('again')}: {command}"


def describe_changes(comparison: Comparison, language: str) -> Iterator[str]:
    say, base, head = speak(language), comparison.base, comparison.head
    names = (base.name or base.experiment[:8], head.name or head.experiment[:8])
    pair = f"{base.bot} → {head.bot}" if comparison.kind == "bots" else f"{names[0]} → {names[1]}"
    yield say("compared", pair=pair, sentence=getattr(comparison.sentence, language))
    flips = [one for one in comparison.changes if one.kind in ("pass_to_fail", "fail_to_pass")]
    for change in flips[:MOST_FLIPS]:
        where = f"{change.scenario}/{change.persona or '-'}"
        rates = " → ".join(format_rate(rate, language) for rate in (change.base, change.head))
        yield f"  {say(change.kind)}: {where}, {rates}"


def describe_bots(document: ExperimentDocument, language: str) -> Iterator[str]:
    say = speak(language)
    names = {bot.id: f", {bot.name}" for bot in document.suite.bots if bot.name != f"bot {bot.id}"}
    for figures in document.figures.bots:
        rate, interval = figures.rate, ""
        if rate.low is not None and rate.high is not None:
            low, high = (f"{100 * bound:.0f}" for bound in (rate.low, rate.high))
            interval = say("interval", low=low, high=high)
        bot = f"{figures.bot}{names.get(figures.bot, '')}"
        yield say("bot", bot=bot, rate=format_rate(rate, language), interval=interval)


def describe_end(document: ExperimentDocument, language: str) -> Iterator[str]:
    say, figures, info = speak(language), document.figures, document.experiment
    for note in figures.notes:
        yield say("note", note=getattr(note, language))
    if info.status != "completed":
        reason = f" ({info.reason})" if info.reason else ""
        command = f"duologue test --resume {info.id[:8]}"
        yield say("go_on", status=say(info.status), reason=reason, command=command)
    yield getattr(figures.sentence, language)


def format_rate(rate: Rate, language: str = "en") -> str:
    say = speak(language)
    if rate.value is None:
        return say("no_rate")
    counts = say("rate", k=rate.passed, n=rate.judged)
    if rate.low is None:  # trials stopped early: their share is no estimate
        return counts
    return counts + say("share", n=f"{100 * rate.value:.0f}")


def shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"

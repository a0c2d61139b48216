"""Figures of ten thousand trials, and the page of five hundred."""

import time
from collections.abc import Callable
from typing import Any

from evaluation.gate import summarize
from evaluation.results import TrialRecord
from evaluation.suite_info import GateRule, SuiteInfo
from evaluation.summary import summarize_cells
from reports.render import render_report
from tests.unit.evaluation.samples import build_document, build_suite, draw_trials

RATES = {"16": 0.9, "17": 0.6}
GATE = GateRule(pass_rate=0.9, criteria={"corrects": 0.8})


def figures_ms(rounds: int) -> list[float]:
    """Milliseconds from 10,000 trials to cells, gate and cost, without reading a transcript."""
    suite = build_suite(scenarios=50, personas=10, bots=list(RATES), repeats=10, gate=GATE)
    trials = draw_trials(suite, RATES)
    return [1000 * _seconds(lambda: _summarize(suite, trials)) for _ in range(rounds)]


def page(rounds: int) -> dict[str, Any]:
    """Seconds and kilobytes of the HTML report of 500 trials, more than half of them failed."""
    suite = build_suite(scenarios=10, personas=5, bots=list(RATES), repeats=5, gate=GATE)
    made = build_document(suite, draw_trials(suite, {"16": 0.5, "17": 0.3}))
    document = made.model_dump(mode="json")
    size = len(render_report(document, "html").encode())
    seconds = [_seconds(lambda: render_report(document, "html")) for _ in range(rounds)]
    return {"seconds": seconds, "kb": size / 1000, "failed": made.figures.tally.failed}


def _summarize(suite: SuiteInfo, trials: list[TrialRecord]) -> None:
    summarize(suite, summarize_cells(suite, trials, lines_of=_no_lines), trials)


def _no_lines(_: TrialRecord) -> None:
    """Reading transcripts is the database's work."""


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

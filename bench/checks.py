"""Checks: a thousand transcripts of twenty turns, twelve checks each; and opening a big suite."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter

from core.message import Message
from core.settings import Settings
from evaluation.checks.any import AnyCheck, run_check
from evaluation.checks.base import Check
from evaluation.clean_talks import make_clean_talks
from evaluation.project import Project
from evaluation.resolve import load_suite
from evaluation.transcripts import Transcript

TWELVE: list[dict[str, Any]] = [
    {"bot_says": "juice"},
    {"bot_never_says": {"re": r"\bngu\b|im đi"}},
    {"after": {"user_says": "không hiểu", "bot_says": {"re": "lại|again"}, "within": 2}},
    {"never_before": {"bot_says": "tạm biệt", "user_says": "juice"}},
    {"bot_language": {"vi": 0.6}},
    {"ended": ["bot_ended", "max_turns"]},
    {"turns": {"at_most": 25}},
    {"latency_s": {"p95": 3}},
    {"words_a_reply": {"at_most": 90}},
    {"no_repeats": "bot"},
    {"no_leftovers": "bot"},
    {"session": {"path": "score", "at_least": 3}},
]
SCENARIO = "checks:\n  - bot_says: juice\n"
SUITE = "name: big\nscenarios: [scenarios/*.yaml]\nrepeats: 100\n"


def checks_s(rounds: int) -> list[float]:
    """Seconds for 1,000 transcripts of 20 turns × 12 checks; no two transcripts are the same."""
    checks: list[Check] = TypeAdapter(list[AnyCheck]).validate_python(TWELVE)
    talks = [_vary(talk, nth) for talk in make_clean_talks(20, 20) for nth in range(50)]
    return [_seconds(lambda: _run_all(checks, talks)) for _ in range(rounds)]


def opening_ms(rounds: int) -> list[float]:
    """Milliseconds to resolve a suite of 100 scenarios into 10,000 trials, files read."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "scenarios").mkdir()
        for nth in range(100):
            (root / "scenarios" / f"s{nth}.yaml").write_text(SCENARIO, "utf-8")
        path = root / "suite.yaml"
        path.write_text(SUITE, "utf-8")
        project = Project.open(Settings(), root)
        return [1000 * _seconds(lambda: _open(path, project)) for _ in range(rounds)]


def _open(path: Path, project: Project) -> None:
    suite = load_suite(path, project)
    if len(list(suite.trials())) != 10_000 or not suite.hash:
        raise AssertionError("the suite is another one than was measured before")


def _vary(talk: Transcript, nth: int) -> Transcript:
    told: list[Message] = []
    for place, message in enumerate(talk.messages):
        text = f"{message['content']} ({nth}, {place})"
        told.append({**message, "content": text, "latency_ms": 900 + place})
    return replace(talk, messages=told)


def _run_all(checks: Sequence[Check], talks: Sequence[Transcript]) -> None:
    for talk in talks:
        fresh = replace(talk)  # nothing that was worked out before is kept
        for check in checks:
            run_check(check, fresh)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

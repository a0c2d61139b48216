"""Shrinks a conversation: plans it, runs the search on replays, and tells what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from core.errors import Invalid
from core.message import Message
from core.scenario import Scenario
from evaluation.conversations import Unfinished
from evaluation.shrink.failure import Examiner, Failure
from evaluation.shrink.replays import CapReached, Replays, ReplayTally, with_lines
from evaluation.shrink.search import (
    Effort,
    Lines,
    Measurement,
    Shortest,
    estimate_effort,
    search,
)
from graph.runs.service import RunService

Outcome = Literal["shrunk", "not_reproduced", "capped", "interrupted"]
MAX_CALLS = 2000
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class ShrinkPlan:
    """What a shrink would take: `low` where one line is to blame, `high` where three are."""

    lines: int
    low: Effort
    high: Effort
    at_once: int
    has_side_effects: bool


@dataclass(frozen=True, slots=True)
class ShrinkResult:
    """What was found. `lines` fail; `places` counts them among the user's lines, from 0.

    `capped` and `interrupted`: `lines` are the shortest so far, and fewer may do. `failed` of
    `measured` replays of the whole failed.
    """

    outcome: Outcome
    lines: Lines
    places: tuple[int, ...]
    failed: int
    measured: int
    tally: ReplayTally

    @property
    def conversation_id(self) -> str | None:
        """The replay in which these lines failed."""
        return self.tally.failing.get(self.lines)


def plan_shrink(runs: RunService, failure: Failure) -> ShrinkPlan:
    """What it would take. Raises `Invalid` where the bot is not configured any more."""
    config = runs.speakers.config(failure.scenario)
    count = len(failure.lines)
    low, high = estimate_effort(count)
    at_once = min(AT_ONCE, config.max_concurrent or AT_ONCE)
    return ShrinkPlan(count, low, high, at_once, config.has_side_effects)


class Shrinking:
    """One shrink. `halt` ends it after the replays under way; again, it goes on from there."""

    def __init__(
        self,
        runs: RunService,
        failure: Failure,
        *,
        max_calls: int = MAX_CALLS,
        root: Path = Path(),
        report: Callable[[ReplayTally], None] = lambda _: None,
    ) -> None:
        self.failure, self.plan = failure, plan_shrink(runs, failure)
        self._examiner = Examiner(runs, failure, root)
        at_once = self.plan.at_once
        self._replays = Replays(runs, failure, self._examiner, max_calls, at_once, report)

    @property
    def tally(self) -> ReplayTally:
        """What it has taken so far."""
        return self._replays.tally

    def halt(self) -> None:
        self._replays.halted = True

    async def run(self) -> ShrinkResult:
        """Raises `BrokenReplay` where a replay says nothing, and what the engine raises."""
        async with self._examiner:
            try:
                return self._conclude(await self._search())
            except CapReached:
                return self._give_up("capped")
            except Unfinished:
                return self._give_up("interrupted")

    async def _search(self) -> Shortest:
        steps, answer = search(self.failure.lines), None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                found: Shortest = done.value
                return found
            if isinstance(step, Measurement):
                answer = await self._replays.measure(step.lines, step.tries)
            else:
                answer = await self._replays.find_failing(step)

    def _conclude(self, found: Shortest) -> ShrinkResult:
        outcome: Outcome = "shrunk" if found.lines else "not_reproduced"
        return ShrinkResult(
            outcome, found.lines, found.places, found.failed, found.measured, self.tally
        )

    def _give_up(self, outcome: Outcome) -> ShrinkResult:
        return ShrinkResult(outcome, self.tally.lines, (), 0, 0, self.tally)


def write_scenario(failure: Failure, lines: Lines) -> str:
    """The scenario of these lines with the check that failed, as a file of scenarios/ has it."""
    played = with_lines(failure.scenario, lines)
    facts: dict[str, Any] = {"name": f"Regression: {failure.name}", **_list_facts(played)}
    question = failure.question
    if question is None:
        facts["checks"] = [{"id": "no_error", "ended": "lines_done"}]
    else:
        for name in ("checks", "criteria"):
            some = [
                one.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
                for one in getattr(question, name)
            ]
            if some:
                facts[name] = some
    head = f"# The shortest conversation found that fails as {failure.conversation.id} did.\n"
    text: str = yaml.safe_dump(facts, allow_unicode=True, sort_keys=False, width=100)
    return head + text


def _list_facts(scenario: Scenario) -> dict[str, Any]:
    facts = scenario.model_dump(mode="json", exclude_defaults=True)
    return {"bot_id": scenario.bot_id, **facts}


def find_place(failure: Failure, root: Path = Path()) -> Path:
    """The file that the scenario is written to. Raises `Invalid` where there is no project."""
    folder = root / "scenarios"
    if folder.exists() and not folder.is_dir():
        raise Invalid("is no folder", "scenarios")
    return folder / f"regress-{failure.conversation.id[:8]}.yaml"


def pair_transcripts(
    original: list[Message], places: tuple[int, ...]
) -> list[tuple[Message, bool]]:
    """The messages of the original, each with whether its turn is part of the shortest."""
    own = [line for line in original if line["role"] == "user" and line["origin"] != "given"]
    kept = {own[place]["turn"] for place in places}
    return [(line, line["origin"] != "given" and line["turn"] in kept) for line in original]

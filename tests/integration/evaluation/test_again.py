"""What is asked of an experiment that rests, and what bounds one that runs: section 5."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import Conflict, Invalid
from evaluation.cells import ResolvedSuite
from evaluation.criteria import Criterion
from evaluation.experiments.changes import extend, rejudge, resume, retry
from evaluation.experiments.drive import RemainingBudget
from evaluation.experiments.service import ExperimentService
from evaluation.transcripts import Transcript
from evaluation.verdicts import Spending, Status, Verdict
from graph.storage.experiment_rows import ExperimentRow
from tests.integration.evaluation.lab import GREETS, Lab, outcomes, run, trials
from tests.servers.robot import RobotServer

JUDGED = {**GREETS, "criteria": [{"kind": "Is the robot kind?"}]}
GPT = {"model": "gpt-4.1"}


@dataclass
class Bench:
    """A judge that says what it is told to, at a price."""

    status: Status = "pass"
    cost_usd: float = 0.0
    asked: list[str] = field(default_factory=list)

    def make(self, *_given: object) -> "Bench":
        return self

    async def judge_all(
        self, criteria: Sequence[Criterion], _transcript: Transcript
    ) -> list[Verdict]:
        self.asked += [one.id for one in criteria]
        spending = Spending(cost_usd=self.cost_usd)
        return [
            Verdict(id=one.id, kind="criterion", status=self.status, spending=spending)
            for one in criteria
        ]

    async def check_canary(self) -> Any:
        return SimpleNamespace(passed=True, reason="")

    async def aclose(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def lab(tmp_path: Path, robot: RobotServer) -> Lab:
    return Lab(tmp_path, robot.url)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def judged(lab: Lab, **facts: Any) -> ResolvedSuite:
    lab.scenario("greets", **JUDGED)
    return lab.suite(**{"judge": GPT, "concurrency": 1, **facts})


async def wait(service: ExperimentService, id: str) -> tuple[str, int | None]:
    row: ExperimentRow = await service.wait(id)
    return row.status, row.exit_code


async def test_a_budget_of_dollars_pauses_it_and_whoever_resumes_grants_it_anew(
    lab: Lab, bench: Bench
) -> None:
    bench.cost_usd = 0.4
    async with lab.open(judges=bench.make) as service:
        row = await run(service, judged(lab, repeats=9, budget={"cost_usd": 1}))
        assert (row.status, row.exit_code) == ("paused", 3)
        assert row.reason == "budget: 1.20 of 1 USD are spent"
        assert (await outcomes(service, row.id)).count("passed") == 3
        await resume(service, row.id)
        assert await wait(service, row.id) == ("paused", 3)
        assert (await outcomes(service, row.id)).count("passed") == 6
        await resume(service, row.id, RemainingBudget(cost_usd=50))
        assert await wait(service, row.id) == ("completed", 0)
        assert await outcomes(service, row.id) == ["passed"] * 9


async def test_a_retry_of_unjudged_trials_asks_the_judge_alone(
    lab: Lab, bench: Bench, robot: RobotServer
) -> None:
    bench.status = "error"
    async with lab.open(judges=bench.make) as service:
        row = await run(service, judged(lab, repeats=2))
        assert (row.exit_code, await outcomes(service, row.id)) == (4, ["unjudged"] * 2)
        calls, held = len(robot.calls), await trials(service, row.id)
        bench.status = "pass"
        await retry(service, row.id, "unjudged")
        assert await wait(service, row.id) == ("completed", 0)
        again = await trials(service, row.id)
        assert [one.conversation_id for one in again] == [one.conversation_id for one in held]
        assert len(robot.calls) == calls


async def test_a_retry_of_failed_trials_has_another_conversation_and_keeps_what_passed(
    lab: Lab, bench: Bench, robot: RobotServer
) -> None:
    lab.scenario("other", **{**GREETS, "name": "Other"})
    bench.status = "fail"
    async with lab.open(judges=bench.make) as service:
        row = await run(service, judged(lab))
        before = {one.scenario: one for one in await trials(service, row.id)}
        assert (before["greets"].outcome, before["other"].outcome) == ("failed", "passed")
        calls = len(robot.calls)
        bench.status = "pass"
        await retry(service, row.id, "failed")
        assert await wait(service, row.id) == ("completed", 0)
        after = {one.scenario: one for one in await trials(service, row.id)}
        assert after["other"] == before["other"]
        assert after["greets"].conversation_id != before["greets"].conversation_id
        assert len(robot.calls) > calls


async def test_what_is_not_there_cannot_be_tried_again_and_nothing_changes(lab: Lab) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite())
        for outcome in ("broken", "failed", "unjudged"):
            with pytest.raises(Conflict, match=outcome):
                await retry(service, row.id, outcome)
        with pytest.raises(Invalid):
            await retry(service, row.id, "passed")
        assert await wait(service, row.id) == ("completed", 0)


async def test_a_new_judgement_takes_the_place_of_the_old_one(lab: Lab, bench: Bench) -> None:
    async with lab.open(judges=bench.make) as service:
        row = await run(service, judged(lab, repeats=2))
        assert row.exit_code == 0
        bench.status = "fail"
        await rejudge(service, row.id)
        assert await wait(service, row.id) == ("completed", 1)
        assert await outcomes(service, row.id) == ["failed"] * 2
        found = (await service.document(row.id)).trials[0].verdicts
        assert [one.status for one in found if one.kind == "criterion"] == ["fail"]


async def test_what_broke_is_not_judged_again(lab: Lab, robot: RobotServer) -> None:
    async with lab.open() as service:
        robot.fail("status", status=500, turn=2)
        row = await run(service, lab.suite())
        assert row.exit_code == 3
        with pytest.raises(Conflict):
            await rejudge(service, row.id)


async def test_a_sequential_test_is_not_extended(lab: Lab) -> None:
    auto = {"auto": True, "good": 0.9, "bad": 0.3, "max": 9}
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=auto))
        before = await trials(service, row.id)
        with pytest.raises(Conflict, match="sequential"):
            await extend(service, row.id, 2)
        assert await trials(service, row.id) == before


@pytest.mark.parametrize(
    ("when", "must", "asked"),
    [
        ("checks_passed", True, []),
        ("checks_passed", False, ["kind"]),
        ("always", True, ["kind"]),
    ],
)
async def test_criteria_are_skipped_when_required_checks_failed_and_the_suite_wants_it_so(
    lab: Lab, bench: Bench, when: str, must: bool, asked: list[str]
) -> None:
    async with lab.open(judges=bench.make) as service:
        suite = judged(lab)
        checks = [{"turns": {"at_least": 1}}, {"bot_says": "nowhere", "must": must}]
        lab.scenario("greets", **{**JUDGED, "checks": checks})
        suite = lab.suite(judge={**GPT, "when": when})
        row = await run(service, suite)
        assert bench.asked == asked
        assert await outcomes(service, row.id) == ["failed" if must else "passed"]


async def test_a_bot_is_never_asked_by_more_trials_than_max_concurrent_allows(
    lab: Lab, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"kind": "webhook", "preset": "robot-lesson", "base_url": robot.url}
    lab.write("bots.yaml", {"bots": {"16": {**facts, "max_concurrent": 2}}})
    under_way, most = 0, 0
    pause = robot.pause

    async def count(*given: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)  # others that may come do come
        await pause(*given)
        under_way -= 1

    monkeypatch.setattr(robot, "pause", count)
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=6, concurrency=6))
        assert await outcomes(service, row.id) == ["passed"] * 6
    assert 0 < most <= 2

"""The life of an experiment, against a real bot server and a real database."""

from pathlib import Path

import pytest

from core.errors import Busy, NotFound
from evaluation.experiments.assess import Assessment, Assessor
from evaluation.experiments.changes import delete, extend, rejudge, resume, retry
from evaluation.experiments.drive import RemainingBudget
from evaluation.experiments.plan import read_suite
from evaluation.verdicts import Verdict
from tests.integration.evaluation.lab import GREETS, Lab, outcomes, run, trials, wait_for_trials
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

AUTO = {"auto": True, "good": 0.9, "bad": 0.6, "max": 20}


@pytest.fixture
def lab(tmp_path: Path, robot: RobotServer) -> Lab:
    return Lab(tmp_path, robot.url)


async def test_a_suite_runs_to_its_end_and_every_trial_is_an_ordinary_conversation(
    lab: Lab,
) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=3))
        assert (row.status, row.exit_code) == ("completed", 0)
        found = await trials(service, row.id)
        assert [one.outcome for one in found] == ["passed"] * 3
        for one in found:
            conversation = await service.runs.get(one.conversation_id or "")
            assert conversation.experiment_id == row.id
            assert len(await service.runs.messages(conversation.id)) == 4
        document = await service.document(row.id)
        assert document.figures.tally.passed == 3
        assert document.model_validate_json(document.model_dump_json()) == document


async def test_everything_is_on_disk_before_anything_runs(lab: Lab, robot: RobotServer) -> None:
    async with lab.open() as service:
        suite = lab.suite(repeats=4)
        row = await service.create(suite)
        assert [one.status for one in await trials(service, row.id)] == ["pending"] * 4
        assert read_suite((await service.get(row.id)).plan) == suite
        assert robot.calls == []


async def test_a_bot_that_dies_breaks_its_trials_and_retry_finishes_them(
    lab: Lab, robot: RobotServer
) -> None:
    async with lab.open() as service:
        robot.fail("status", status=500, turn=2)
        row = await run(service, lab.suite(repeats=3))
        assert (row.status, row.exit_code) == ("completed", 3)
        assert await outcomes(service, row.id) == ["broken"] * 3
        (broken, *_) = (await service.document(row.id)).trials
        assert broken.broken is not None
        assert (broken.broken.cause, broken.broken.code) == ("bot", "bot_http_error")
        robot.faults.clear()
        await retry(service, row.id, "broken")
        row = await service.wait(row.id)
        assert (row.status, row.exit_code) == ("completed", 0)
        assert await outcomes(service, row.id) == ["passed"] * 3


async def test_one_trial_that_breaks_harms_no_other(lab: Lab, robot: RobotServer) -> None:
    lab.scenario("other", **{**GREETS, "name": "Other", "lines": ["hỏng", "xong"]})
    async with lab.open() as service:
        robot.fail("status", status=500, contains="hỏng")
        row = await run(service, lab.suite())
        found = {one.scenario: one.outcome for one in await trials(service, row.id)}
        assert found == {"greets": "passed", "other": "broken"}


async def test_a_paused_experiment_begins_nothing_and_goes_on_when_resumed(lab: Lab) -> None:
    async with lab.open() as service:
        row = await service.create(lab.suite(repeats=12, concurrency=2))
        await service.start(row.id)
        await wait_for_trials(service, row.id, 2)
        await service.pause(row.id)
        row = await service.wait(row.id)
        assert (row.status, row.reason, row.exit_code) == ("paused", "on request", 3)
        found = await outcomes(service, row.id)
        assert 2 <= found.count("passed") < 12
        assert set(found) == {"passed", None}
        done = {
            one.number: one.conversation_id for one in await trials(service, row.id) if one.outcome
        }
        await resume(service, row.id)
        row = await service.wait(row.id)
        assert (row.status, row.exit_code) == ("completed", 0)
        again = {one.number: one.conversation_id for one in await trials(service, row.id)}
        assert done.items() <= again.items()


async def test_a_stopped_one_ends_its_conversations_and_can_be_resumed(
    lab: Lab, robot: RobotServer
) -> None:
    async with lab.open() as service:
        robot.fail("hang", turn=2)
        row = await service.create(lab.suite(repeats=3))
        await service.start(row.id)
        await wait_until(lambda: len(robot.calls) >= 6, what="the hanging turns")
        await service.stop(row.id)
        await service.stop(row.id)
        row = await service.wait(row.id)
        assert (row.status, row.exit_code) == ("stopped", 3)
        assert await outcomes(service, row.id) == ["skipped"] * 3
        robot.faults.clear()
        await resume(service, row.id)
        row = await service.wait(row.id)
        assert (row.status, await outcomes(service, row.id)) == ("completed", ["passed"] * 3)


async def test_a_budget_of_minutes_pauses_it(lab: Lab) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=9, concurrency=1, budget={"minutes": 0.0001}))
        assert row.status == "paused"
        assert row.reason is not None
        assert row.reason.startswith("budget")
        await resume(service, row.id, RemainingBudget(minutes=5))
        assert (await service.wait(row.id)).status == "completed"


async def test_more_repeats_can_be_added_to_a_finished_one(lab: Lab) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=2))
        await extend(service, row.id, 3)
        row = await service.wait(row.id)
        assert await outcomes(service, row.id) == ["passed"] * 5
        assert [one.repeat for one in await trials(service, row.id)] == [1, 2, 3, 4, 5]
        assert (await service.document(row.id)).suite.scenarios[0].repeats == 5


async def test_it_is_judged_again_without_calling_the_bot(lab: Lab, robot: RobotServer) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=2))
        asked = len(robot.calls)
        await rejudge(service, row.id)
        row = await service.wait(row.id)
        assert (row.status, await outcomes(service, row.id)) == ("completed", ["passed"] * 2)
        assert len(robot.calls) == asked


async def test_two_of_the_same_suite_at_once_do_not_mix(lab: Lab) -> None:
    async with lab.open() as service:
        suite = lab.suite(repeats=5)
        one, other = await service.create(suite), await service.create(suite)
        await service.start(one.id)
        await service.start(other.id)
        with pytest.raises(Busy):
            await service.start(one.id)
        for row in (one, other):
            assert (await service.wait(row.id)).exit_code == 0
        held = [
            one.conversation_id for row in (one, other) for one in await trials(service, row.id)
        ]
        assert len(set(held)) == 10


async def test_a_scenario_whose_check_fails_fails_the_experiment(lab: Lab) -> None:
    lab.scenario("strict", **{**GREETS, "name": "Strict", "checks": [{"bot_says": "nowhere"}]})
    async with lab.open() as service:
        row = await run(service, lab.suite())
        assert row.exit_code == 1
        failed = next(
            one for one in (await service.document(row.id)).trials if one.outcome == "failed"
        )
        assert failed.scenario == "strict"
        assert failed.verdicts[0].status == "fail"
        file = lab.folder / "suites/robot.yaml"
        assert failed.reproduce == f"duologue test {file} --trial 'strict/-/16#1'"


async def test_nothing_judged_is_never_green(lab: Lab) -> None:
    judged = {"checks": [], "criteria": [{"kind": "Is the robot kind?"}]}
    lab.scenario("greets", **{**GREETS, **judged})
    async with lab.open() as service:
        row = await run(service, lab.suite())
        assert row.exit_code == 4
        assert await outcomes(service, row.id) == ["unjudged"]


async def test_a_sequential_test_skips_what_is_decided(lab: Lab) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=AUTO, gate={"pass_rate": 0.9}))
        found = await outcomes(service, row.id)
        assert found == ["passed"] * 8 + ["skipped"] * 12
        assert row.exit_code == 0
        (cell,) = (await service.document(row.id)).cells
        assert (cell.decision, cell.rate.low) == ("accepted", None)


async def test_the_first_failure_is_enough_where_that_was_asked_for(lab: Lab) -> None:
    lab.scenario("greets", **{**GREETS, "checks": [{"bot_says": "nowhere"}]})
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=9, concurrency=1), fail_fast=True)
        found = await outcomes(service, row.id)
        assert found == ["failed"] + ["skipped"] * 8
        assert (row.status, row.exit_code) == ("completed", 1)


async def test_a_process_that_ends_leaves_it_to_the_next_one(lab: Lab) -> None:
    async with lab.open(serving=True) as service:
        row = await service.create(lab.suite(repeats=30, concurrency=3))
        await service.start(row.id)
        await wait_for_trials(service, row.id, 3)
    async with lab.open(serving=True) as service:
        await wait_until(lambda: service.find_run(row.id) is not None, what="the takeover")
        row = await service.wait(row.id)
        assert (row.status, row.exit_code) == ("completed", 0)
        assert await outcomes(service, row.id) == ["passed"] * 30


async def test_a_command_that_is_told_to_end_leaves_it_interrupted(lab: Lab) -> None:
    async with lab.open() as service:
        row = await service.create(lab.suite(repeats=30, concurrency=3))
        await service.start(row.id)
        await wait_for_trials(service, row.id, 3)
    async with lab.open() as service:
        row = await service.get(row.id)
        assert (row.status, row.exit_code) == ("interrupted", 3)
        await resume(service, row.id)
        assert (await service.wait(row.id)).exit_code == 0


async def test_a_deleted_experiment_takes_its_conversations_along(lab: Lab) -> None:
    async with lab.open() as service:
        row = await run(service, lab.suite())
        (trial,) = await trials(service, row.id)
        await delete(service, row.id)
        with pytest.raises(NotFound):
            await service.get(row.id)
        with pytest.raises(NotFound):
            await service.runs.get(trial.conversation_id or "")


async def test_a_pause_reaches_the_process_that_runs_it(lab: Lab) -> None:
    async with lab.open() as service, lab.open() as other:
        row = await service.create(lab.suite(repeats=200, concurrency=2))
        await service.start(row.id)
        await other.pause(row.id)
        row = await service.wait(row.id)
        assert (row.status, row.reason) == ("paused", "on request")


async def test_a_trial_that_cannot_be_assessed_breaks_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def assess(self: Assessor, scenario: str, *_args: object) -> Assessment:
        if scenario == "greets":
            raise RuntimeError("a mistake of ours")
        bad = Verdict(id="bot_says", kind="check", status="pass", reason="\ud800")
        return Assessment("passed", [bad], [], {})

    monkeypatch.setattr(Assessor, "assess", assess)
    lab.scenario("other", **{**GREETS, "name": "Other"})
    async with lab.open() as service:
        row = await run(service, lab.suite())
        assert await outcomes(service, row.id) == ["broken", "broken"]
        assert (row.status, row.exit_code) == ("completed", 3)


async def test_a_bot_s_version_is_captured_from_its_init_call(lab: Lab, robot: RobotServer) -> None:
    told = {"kind": "webhook", "preset": "robot-lesson", "base_url": robot.url}
    told["init"] = {
        "url": "/robot-ai-lesson/api/v1/bot/initConversation",
        "body": {
            "bot_id": "{{remote_bot_id}}",
            "conversation_id": "{{conversation_id}}",
            "input_slots": "{{input_slots}}",
        },
        "capture": {"version": "msg"},
    }
    lab.write("bots.yaml", {"bots": {"16": {**told, "version": "of the file"}}})
    async with lab.open() as service:
        row = await run(service, lab.suite(repeats=2))
        document = await service.document(row.id)
        assert [bot.version for bot in document.suite.bots] == ["Success"]
    async with lab.open() as service:  # it is kept over a restart, and stays the same in more runs
        await extend(service, row.id, 1)
        await service.wait(row.id)
        assert (await service.document(row.id)).suite.bots[0].version == "Success"

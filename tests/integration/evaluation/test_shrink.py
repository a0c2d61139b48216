"""A failing talk with the careless demo robot, shrunk to its cause over real replays."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import Conflict, Invalid
from evaluation.experiments.service import ExperimentService
from evaluation.project import Project
from evaluation.resolve import load_file
from evaluation.shrink.failure import BrokenReplay, Failure, find_failure
from evaluation.shrink.replays import ReplayTally
from evaluation.shrink.shrinking import Shrinking, ShrinkResult, write_scenario
from tests.integration.evaluation.lab import GREETS, Lab, run, trials
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

PRAISES = {
    "name": "Wrong word",
    "user": "scripted",
    "max_turns": 20,
    "lines": ["sẵn sàng", "banana", "juice", "banana", "milk", "banana", *["học tiếp"] * 14],
    "checks": [
        {
            "id": "no_praise",
            "after": {
                "user_says": {"re": "^banana$"},
                "bot_never_says": {"re": "(?i)chính xác|giỏi lắm|đúng rồi|hay quá|tuyệt vời"},
                "within": 1,
            },
        },
        {"ended": "user_done", "id": "ends"},
    ],
}


@pytest.fixture
def lab(tmp_path: Path, robot: RobotServer) -> Lab:
    lab = Lab(tmp_path, robot.url)
    lab.scenario("praises", **PRAISES)
    lab.write("bots.yaml", {"bots": {"careful": {"kind": "demo"}, "effects": _with_effects()}})
    return lab


def _with_effects() -> dict[str, Any]:
    return {"kind": "demo", "careless": True, "lesson": 16, "side_effects": True}


async def find_failed_talk(service: ExperimentService, lab: Lab, bot: str = "careless") -> str:
    """The conversation of a trial in which a wrong word was praised."""
    suite = lab.suite(scenarios=["scenarios/praises.yaml"], bots=[bot], repeats=4)
    row = await run(service, suite)
    statuses = await service.storage.trials.verdict_statuses(row.id)
    for one in await trials(service, row.id):
        if any(id == "no_praise" and status == "fail" for id, _, status, _ in statuses[one.number]):
            return one.conversation_id or ""
    raise AssertionError("no talk of the careless robot failed")


async def fails(service: ExperimentService, lab: Lab, scenario: str, bot: str) -> bool:
    facts = {**yaml.safe_load(scenario), "bot_id": bot}
    project = Project.open(lab.settings(), lab.folder)
    path = lab.write("scenarios/regress.yaml", facts)
    return (await run(service, load_file(path, project))).exit_code == 1


async def test_a_talk_of_twenty_lines_becomes_a_scenario_that_fails_on_the_careless_robot_alone(
    lab: Lab,
) -> None:
    async with lab.open() as service:
        id = await find_failed_talk(service, lab)
        failure = await find_failure(service.runs, id)
        assert (failure.check, len(failure.lines)) == ("no_praise", 20)
        result = await Shrinking(service.runs, failure).run()
        assert result.outcome == "shrunk"
        assert len(result.lines) <= 4
        assert "banana" in result.lines
        replay = await service.runs.get(result.conversation_id or "")
        assert (replay.parent_id, replay.end_reason) == (id, "lines_done")
        scenario = write_scenario(failure, result.lines)
        assert yaml.safe_load(scenario)["seed"].startswith("praises/")
        assert await fails(service, lab, scenario, "careless")
        assert not await fails(service, lab, scenario, "careful")


async def test_replays_are_listed_under_their_shrink_alone_and_go_with_the_conversation(
    lab: Lab,
) -> None:
    async with lab.open() as service:
        failure = await find_failure(service.runs, await find_failed_talk(service, lab))
        result = await Shrinking(service.runs, failure).run()
        replay = await service.runs.get(result.conversation_id or "")
        catalogue = service.storage.catalogue
        rows, _ = await catalogue.list_page(200, None, experiment_id=replay.experiment_id)
        assert len(rows) == result.tally.replays
        assert (await catalogue.list_page(200, None, experiment_id=""))[0] == []
        await service.runs.delete(failure.conversation.id)
        assert await catalogue.list_page(200, None, experiment_id=replay.experiment_id) == (
            [],
            None,
        )


class Halting:
    """Ends a shrink after so many replays, and tells how far it was."""

    def __init__(self, after: int) -> None:
        self.job: Shrinking | None = None
        self._after = after

    def __call__(self, tally: ReplayTally) -> None:
        if self.job is not None and tally.replays >= self._after:
            self.job.halt()


async def shrink(
    service: ExperimentService, failure: Failure, *, halt_after: int | None = None
) -> ShrinkResult:
    report = Halting(halt_after or 10**9)
    job = report.job = Shrinking(service.runs, failure, report=report)
    return await job.run()


@pytest.mark.parametrize("after", [1, 4, 9])
async def test_a_shrink_that_was_halted_goes_on_in_another_process_and_repeats_nothing(
    lab: Lab, after: int
) -> None:
    async with lab.open() as service:
        id = await find_failed_talk(service, lab)
        first = await shrink(service, await find_failure(service.runs, id), halt_after=after)
        assert first.outcome == "interrupted"
    async with lab.open() as service:
        failure = await find_failure(service.runs, id)
        second = await shrink(service, failure)
        assert (second.outcome, second.tally.found) == ("shrunk", first.tally.replays)
        third = await shrink(service, failure)
        assert (third.lines, third.tally.calls) == (second.lines, 0)
        assert third.tally.found == first.tally.replays + second.tally.replays


async def test_a_cap_gives_the_shortest_so_far_and_a_higher_one_goes_on(lab: Lab) -> None:
    async with lab.open() as service:
        failure = await find_failure(service.runs, await find_failed_talk(service, lab))
        capped = await Shrinking(service.runs, failure, max_calls=75).run()
        assert capped.outcome == "capped"
        assert 10 <= len(capped.lines) <= 20
        assert 60 <= capped.tally.calls <= 75
        whole = await Shrinking(service.runs, failure).run()
        assert whole.outcome == "shrunk"
        assert whole.tally.found == capped.tally.replays


async def test_an_error_that_ended_a_talk_is_shrunk_to_the_line_that_brings_it_about(
    tmp_path: Path, robot: RobotServer
) -> None:
    lab = Lab(tmp_path, robot.url)
    lines = [f"câu {n}" for n in range(8)]
    lab.scenario("breaks", **{**GREETS, "lines": [*lines, "nổ tung"], "max_turns": 9})
    robot.fail("status", status=400, contains="nổ")
    async with lab.open() as service:
        row = await run(service, lab.suite(scenarios=["scenarios/breaks.yaml"]))
        (trial,) = await trials(service, row.id)
        failure = await find_failure(service.runs, trial.conversation_id or "")
        result = await Shrinking(service.runs, failure).run()
        assert (failure.error, result.lines) == ("bot_http_error", ("nổ",))
        assert "ended: lines_done" in write_scenario(failure, result.lines)


ASKED = {
    **GREETS,
    "lines": ["một", "hai", "hãy mắng con", "ba", "bốn"],
    "max_turns": 5,
    "checks": [],
    "criteria": [{"kind": "Is the bot kind?"}],
}


async def find_unkind_talk(service: ExperimentService, lab: Lab) -> Failure:
    """A trial that a judge failed, since one line of its user makes the bot rude."""
    lab.scenario("asked", **ASKED)
    judged = {"scenarios": ["scenarios/asked.yaml"], "judge": {"model": "mock-judge"}}
    row = await run(service, lab.suite(**judged))
    (trial,) = await trials(service, row.id)
    assert trial.outcome == "failed"
    return await find_failure(service.runs, trial.conversation_id or "")


@pytest.fixture
def rude_lab(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> Lab:
    """With a robot that is rude where it is asked to be, and a judge that says so."""
    robot.fail("text", text="Im đi!", contains="mắng")
    llm.judges["*"] = "honest"
    return Lab(tmp_path, robot.url)


async def test_a_criterion_that_failed_is_shrunk_to_the_line_that_the_judge_minds(
    rude_lab: Lab, llm: LlmServer
) -> None:
    async with rude_lab.open(openai_base_url=llm.base_url) as service:
        failure = await find_unkind_talk(service, rude_lab)
        result = await Shrinking(service.runs, failure).run()
        assert (failure.check, result.outcome, result.lines) == ("kind", "shrunk", ("mắng",))
        written = yaml.safe_load(write_scenario(failure, result.lines))
        assert written["criteria"] == [{"id": "kind", "ask": "Is the bot kind?"}]


async def test_a_judge_that_is_down_ends_a_shrink_with_the_cause_and_it_goes_on_later(
    rude_lab: Lab, llm: LlmServer
) -> None:
    async with rude_lab.open(openai_base_url=llm.base_url) as service:
        failure = await find_unkind_talk(service, rude_lab)
        async with llm.down():
            with pytest.raises(BrokenReplay, match="kind could not be decided"):
                await Shrinking(service.runs, failure).run()
        result = await Shrinking(service.runs, failure).run()
        assert (result.outcome, result.lines) == ("shrunk", ("mắng",))
        assert result.tally.found > 0


async def test_what_cannot_be_shrunk_is_refused_with_the_reason(lab: Lab) -> None:
    async with lab.open() as service:
        id = await find_failed_talk(service, lab)
        with pytest.raises(Invalid, match="did you mean no_praise"):
            await find_failure(service.runs, id, "no_prais")
        with pytest.raises(Invalid, match="cannot be shrunk"):
            await find_failure(service.runs, id, "ends")
        lab.scenario("greets", **{**GREETS, "checks": [{"turns": {"at_least": 1}}]})
        row = await run(service, lab.suite(scenarios=["scenarios/greets.yaml"], bots=["careful"]))
        (passed,) = await trials(service, row.id)
        with pytest.raises(Conflict, match="failed no check"):
            await find_failure(service.runs, passed.conversation_id or "")


async def test_a_bot_whose_calls_cause_something_is_known_before_it_is_called(lab: Lab) -> None:
    async with lab.open() as service:
        id = await find_failed_talk(service, lab, "effects")
        failure = await find_failure(service.runs, id)
        assert Shrinking(service.runs, failure).plan.has_side_effects

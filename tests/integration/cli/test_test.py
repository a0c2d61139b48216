"""`duologue test` as a process: what it prints, which files it writes, how it ends."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.evaluation.lab import GREETS, Lab
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

SUITE = {"name": "Robot", "scenarios": ["scenarios/*.yaml"], "bots": [16]}
FAILS = {**GREETS, "name": "Strict", "checks": [{"bot_says": "nowhere"}]}


class Desk(Lab):
    """A project folder in which the command is run."""

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            *words,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str) -> tuple[int, str, str]:
        process = await self.start(*words)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    def suite_file(self, **facts: Any) -> str:
        self.write("suites/robot.yaml", {**SUITE, **facts})
        return "suites/robot.yaml"


@pytest.fixture
def desk(tmp_path: Path, robot: RobotServer) -> Desk:
    return Desk(tmp_path, robot.url)


async def test_a_gate_that_is_met_ends_with_0_and_writes_every_report(desk: Desk) -> None:
    file = desk.suite_file(repeats=20, gate={"pass_rate": 0.9})
    formats = ("json", "jsonl", "junit", "html", "markdown", "csv")
    files = [word for name in formats for word in (f"--{name}", f"r.{name}")]
    code, out, err = await desk.run("test", file, *files)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "Exit code 0"
    document = json.loads((desk.folder / "r.json").read_text("utf-8"))
    assert document["figures"]["gate"]["answer"] == "met"
    lines = (desk.folder / "r.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["passed"] * 20
    for name in ("junit", "html", "markdown", "csv"):
        assert (desk.folder / f"r.{name}").stat().st_size > 200


async def test_failures_come_first_each_with_the_command_that_reproduces_it(desk: Desk) -> None:
    desk.scenario("strict", **FAILS)
    code, out, _ = await desk.run("test", desk.suite_file(repeats=2))
    assert code == 1
    again = next(line for line in out.splitlines() if "again:" in line).partition("again: ")[2]
    assert again == "duologue test suites/robot.yaml --trial 'strict/-/16#1'"
    code, out, _ = await desk.run("test", "suites/robot.yaml", "--trial", "strict/-/16#1")
    assert code == 1
    assert "Robot, 1 trial" in out


async def test_a_typing_error_in_a_file_names_file_line_key_and_the_nearest_word(
    desk: Desk,
) -> None:
    desk.scenario("greets", **{**GREETS, "checks": [{"bot_sayz": "juice"}]})
    code, out, err = await desk.run("test", desk.suite_file())
    assert (code, out) == (2, "")
    assert err.startswith("Error: scenarios/greets.yaml:")
    assert "bot_says" in err


async def test_a_suite_of_no_trial_never_ends_with_0(desk: Desk) -> None:
    code, _, err = await desk.run("test", desk.suite_file(), "-k", "nothing like it")
    assert code == 2
    assert "no trial" in err


async def test_without_a_suite_all_scenarios_run_once_each(desk: Desk) -> None:
    desk.scenario("other", **{**GREETS, "name": "Other"})
    code, out, _ = await desk.run("test")
    assert code == 0
    assert "all, 2 trials" in out


async def test_a_dry_run_says_what_would_run_and_runs_nothing(
    desk: Desk, robot: RobotServer
) -> None:
    code, out, _ = await desk.run("test", desk.suite_file(repeats=7), "--dry-run")
    assert (code, out) == (0, "Robot: 7 trials in 1 cell\n  greets/-/16  × 7\n")
    assert robot.calls == []


async def test_ctrl_c_ends_with_3_and_says_how_to_go_on(desk: Desk, robot: RobotServer) -> None:
    robot.fail("hang", turn=2, seconds=60)
    process = await desk.start("test", desk.suite_file(repeats=3))
    await wait_until(lambda: len(robot.calls) >= 6, 120, what="the hanging turns")
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 3
    command = out.decode().partition("go on with: duologue ")[2].splitlines()[0]
    robot.faults.clear()
    code, _, _ = await desk.run(*command.split())
    assert code == 0


async def test_a_bot_that_dies_ends_with_3_and_retry_finishes_it(
    desk: Desk, robot: RobotServer
) -> None:
    (desk.folder / ".env").write_text("DUOLOGUE_ATTEMPTS=1\n", encoding="utf-8")
    robot.fail("status", status=500, turn=2)
    code, out, _ = await desk.run("test", desk.suite_file(repeats=2))
    assert code == 3
    assert "Broken: 2 trials" in out
    robot.faults.clear()
    code, out, _ = await desk.run("test", "suites/robot.yaml", "--retry", "broken")
    assert code == 0


async def test_two_experiments_are_listed_compared_and_reported(desk: Desk) -> None:
    file = desk.suite_file(repeats=5)
    assert (await desk.run("test", file, "--name", "before"))[0] == 0
    desk.scenario("greets", **{**GREETS, "checks": [{"bot_says": "nowhere"}]})
    assert (await desk.run("test", file, "--name", "after"))[0] == 1
    _, out, _ = await desk.run("experiments", "--json")
    assert [one["name"] for one in json.loads(out)] == ["after", "before"]
    code, out, _ = await desk.run("compare", "before", "after", "--json", "-")
    assert code == 4
    (comparison,) = json.loads(out)["comparisons"]
    assert comparison["moved"] == ["checks", "greets"]
    assert "checks of greets" in comparison["sentence"]["en"]
    assert comparison["changes"] == []
    code, out, _ = await desk.run("report", "before", "--markdown", "-")
    assert (code, out.splitlines()[0][:2]) == (0, "##")


async def test_a_label_turns_a_trial_and_is_listed(desk: Desk) -> None:
    desk.scenario("greets", **{**GREETS, "checks": [{"bot_says": "nowhere"}]})
    _, out, _ = await desk.run("test", desk.suite_file())
    id = out.partition("duologue show ")[2].splitlines()[0]
    code, out, _ = await desk.run(
        "label", id, "bot_says", "pass", "--by", "An", "--note", "đúng mà"
    )
    assert (code, out) == (0, "bot_says\tpass\tAn\tđúng mà\n")
    _, out, _ = await desk.run("experiments", "--json")
    id = json.loads(out)[0]["id"]
    _, out, _ = await desk.run("report", id, "--json", "-")
    (trial,) = json.loads(out)["trials"]
    assert (trial["outcome"], trial["labels"][0]["labeller"]) == ("passed", "An")
    assert trial["verdicts"][0]["status"] == "fail"


async def test_what_could_not_be_judged_is_told_with_its_cause_and_the_next_step(
    desk: Desk,
) -> None:
    desk.scenario("asks", **{**GREETS, "checks": [{"session": {"path": "no.such", "at_least": 1}}]})
    code, out, _ = await desk.run("test", desk.suite_file(), "--markdown", "m.md")
    assert code == 4
    assert "session: inconclusive" in out
    assert "--retry unjudged" in out
    assert "could not be judged" in (desk.folder / "m.md").read_text("utf-8").lower()


async def test_a_report_of_several_suites_needs_a_name_for_each(desk: Desk) -> None:
    desk.suite_file()
    desk.write("suites/other.yaml", {**SUITE, "name": "Other"})
    suites = ["suites/robot.yaml", "suites/other.yaml"]
    code, _, err = await desk.run("test", *suites, "--junit", "r.xml")
    assert (code, "several suites" in err) == (2, True)
    code, _, _ = await desk.run("test", *suites, "--junit", "r-{suite}.xml")
    assert code == 0
    assert [(desk.folder / f"r-{name}.xml").exists() for name in ("robot", "other")] == [True, True]

"""A suite judged through the command: verdicts, labels, agreement and the gate, at real servers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.evaluation.lab import GREETS, Lab
from tests.servers.llm import LlmServer
from tests.servers.process import Process
from tests.servers.robot import RobotServer

CRITERIA = [{"kind": "Is the bot kind?"}, {"juice": "Does the bot say “juice”?", "must": False}]
SUITE: dict[str, Any] = {
    "name": "Judged",
    "scenarios": ["scenarios/*.yaml"],
    "bots": [16],
    "repeats": 2,
    "judge": {"model": "gpt-4.1", "min_kappa": 0.6},
    "gate": {"pass_rate": 0.5, "tolerance": 0.5, "criteria": {"kind": 0.1}},
}


class Judged(Lab):
    """A project whose suite has criteria, and the server of its judge."""

    def __init__(self, folder: Path, robot: str, llm: LlmServer) -> None:
        super().__init__(folder, robot)
        self._llm = llm
        llm.judges["*"] = "honest"
        self.scenario("greets", **{**GREETS, "criteria": CRITERIA})
        self.write("suite.yaml", SUITE)

    async def run(self, *words: str) -> tuple[int, str]:
        argv = ["python", "-m", "cli", *words]
        root = str(Path(__file__).parents[2])
        env = {"OPENAI_BASE_URL": self._llm.base_url, "PYTHONPATH": root}
        async with Process(argv, cwd=self.folder, env=env) as process:
            code = await process.wait(50)
            return code, process.stdout + process.stderr

    async def test(self) -> tuple[int, dict[str, Any]]:
        code, said = await self.run("test", "suite.yaml", "--name", "first", "--json", "r.json")
        assert (self.folder / "r.json").exists(), said
        return code, json.loads((self.folder / "r.json").read_text("utf-8"))


@pytest.fixture
def judged(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> Judged:
    return Judged(tmp_path, robot.url, llm)


@pytest.mark.timeout(240)  # six commands, each a process that has to start
async def test_a_suite_is_judged_and_labels_decide_a_gate_that_asks_for_agreement(
    judged: Judged,
) -> None:
    code, found = await judged.test()
    assert code == 4  # nobody has labelled yet: min_kappa leaves it undecided
    trials = found["trials"]
    assert [trial["outcome"] for trial in trials] == ["passed", "passed"]
    by_id = {one["id"]: one for one in trials[0]["verdicts"]}
    assert (by_id["kind"]["status"], by_id["juice"]["status"]) == ("pass", "fail")
    assert by_id["kind"]["spending"]["cost_usd"] > 0
    assert found["suite"]["judge"]["canary"] == "passed"

    ids = [trial["conversation_id"] for trial in trials]
    code, queue = await judged.run("agreement", "first", "--next", "9")
    assert {line.split("\t")[0] for line in queue.splitlines()} == set(ids)
    assert "pass" not in queue  # blind

    for id, status in zip(ids, ("pass", "fail"), strict=True):
        assert (await judged.run("label", id, "kind", status, "--by", "lan"))[0] == 0
    code, said = await judged.run("agreement", "first")
    assert "kind: 1 of 2 agree: 0.50" in said
    assert f"{ids[1]}: judge pass, people fail" in said
    code, queue = await judged.run("agreement", "first", "--next", "9", "--by", "lan")
    assert "kind" not in queue


async def test_a_judge_that_passes_everything_leaves_every_trial_unjudged(
    judged: Judged, llm: LlmServer
) -> None:
    llm.judges["*"] = "yes"
    code, found = await judged.test()
    assert code == 4
    assert [trial["outcome"] for trial in found["trials"]] == ["unjudged", "unjudged"]
    assert found["suite"]["judge"]["canary"] == "failed"


async def test_a_judge_that_is_down_never_ends_with_0(judged: Judged, llm: LlmServer) -> None:
    llm.fail("status", status=401)
    code, found = await judged.test()
    assert code == 4
    reasons = [one["reason"] for one in found["trials"][0]["verdicts"] if one["kind"] != "check"]
    assert all("answered 401" in reason for reason in reasons)

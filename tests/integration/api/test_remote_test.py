"""`duologue test --api URL`: a suite of a server elsewhere, over the death of either side."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.api.service import Service
from tests.integration.api.test_experiments import SUITE, write
from tests.integration.evaluation.lab import GREETS
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


@pytest.fixture
def lab(service: Service) -> Service:
    write(service, "scenarios/greets.yaml", GREETS)
    write(service, "suites/robot.yaml", {**SUITE, "repeats": 20, "gate": {"pass_rate": 0.9}})
    return service


def command(lab: Service, folder: Path, *words: str) -> Process:
    """The command in an empty folder: all it knows is the address."""
    argv = [sys.executable, "-m", "cli", "test", *words, "--api", lab.url]
    return Process(argv, cwd=folder, env=lab.headers, startup=40)


async def run_test(lab: Service, folder: Path, *words: str) -> tuple[int, str]:
    async with command(lab, folder, *words) as process:
        return await process.wait(60), process.stdout + process.stderr


async def count_conversations(lab: Service, id: str) -> int:
    page = await lab.get(f"/api/experiments/{id}/trials?limit=500")
    return len({trial["conversation_id"] for trial in page["trials"]})


async def test_a_gate_that_is_met_there_ends_with_0_here_and_reports_are_written(
    lab: Service, tmp_path: Path
) -> None:
    words = ["--html", "r.html", "--junit", "r.xml", "--jsonl", "r.jsonl", "--name", "there"]
    code, told = await run_test(lab, tmp_path, "suites/robot.yaml", *words)
    assert (code, told.splitlines()[-1]) == (0, "Exit code 0")
    lines = (tmp_path / "r.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["verdicts"][0]["status"] for line in lines] == ["pass"] * 20
    assert (tmp_path / "r.html").stat().st_size > 2000
    again, _ = await run_test(lab, tmp_path, "--resume", "there", "--json", "r.json")
    assert again == 0
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["figures"]["tally"]["passed"] == 20


async def test_a_killed_client_follows_again_and_no_trial_is_had_twice(
    lab: Service, tmp_path: Path, robot: RobotServer
) -> None:
    robot.delay = 0.05
    async with command(lab, tmp_path, "robot", "--jsonl", "r.jsonl") as process:
        await wait_for_lines(tmp_path / "r.jsonl", 1)
        process.kill9()
        await process.wait()
    (one,) = (await lab.get("/api/experiments"))["experiments"]
    code, told = await run_test(lab, tmp_path, "--resume", one["id"][:8])
    assert code == 0, told
    assert await count_conversations(lab, one["id"]) == 20


async def test_a_killed_server_is_waited_for_and_followed_on(
    lab: Service, tmp_path: Path, robot: RobotServer
) -> None:
    robot.delay = 0.05
    async with command(lab, tmp_path, "robot", "--jsonl", "r.jsonl") as process:
        await wait_for_lines(tmp_path / "r.jsonl", 1)
        await lab.restart()
        code = await process.wait(60)
    assert code == 0, process.stdout + process.stderr
    (one,) = (await lab.get("/api/experiments"))["experiments"]
    assert await count_conversations(lab, one["id"]) == 20
    lines = (tmp_path / "r.jsonl").read_text("utf-8").splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 20


async def test_ctrl_c_leaves_the_server_at_work_and_says_how_to_follow_again(
    lab: Service, tmp_path: Path, robot: RobotServer
) -> None:
    robot.delay = 0.05
    async with command(lab, tmp_path, "robot", "--jsonl", "r.jsonl") as process:
        await wait_for_lines(tmp_path / "r.jsonl", 1)
        process.signal(signal.SIGINT)
        assert await process.wait(20) == 3
    (one,) = (await lab.get("/api/experiments"))["experiments"]
    assert one["status"] in ("running", "completed")
    assert f"--resume {one['id'][:8]}" in process.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "no suite with that name"),
        (["robot", "--bot", "16"], "cannot be given with --api"),
        (["--resume", "nobody"], "no experiment 'nobody'"),
        ([], "name a suite of the server"),
    ],
)
async def test_what_cannot_be_done_there_ends_with_2_and_says_why(
    lab: Service, tmp_path: Path, words: list[str], says: str
) -> None:
    code, told = await run_test(lab, tmp_path, *words)
    assert (code, says in told) == (2, True), told


async def test_two_requests_with_one_key_are_one_experiment(lab: Service) -> None:
    made = await asyncio.gather(
        *(
            lab.post("/api/experiments", {"suite": "robot"}, headers={"Idempotency-Key": "k"})
            for _ in range(3)
        )
    )
    assert len({one["id"] for one in made}) == 1
    other = await lab.ask(
        "POST",
        "/api/experiments",
        {"suite": "robot", "name": "x"},
        headers={"Idempotency-Key": "k"},
    )
    assert other.status == 422


async def test_an_experiment_of_a_client_is_that_client_s_alone(lab: Service) -> None:
    made = await lab.post("/api/experiments", {"suite": "robot", "client_id": "mai"})
    path = f"/api/experiments/{made['id']}"
    assert (await lab.ask("GET", path)).status == 403
    assert (await lab.ask("DELETE", f"{path}?client_id=an")).status == 403
    assert (await lab.get("/api/experiments"))["experiments"] == []
    assert len((await lab.get("/api/experiments?client_id=mai"))["experiments"]) == 1

    async def done() -> bool:
        found = await lab.get(f"{path}?client_id=mai")
        return bool(found["experiment"]["status"] == "completed")

    await wait_until(done, 30, what="the experiment")
    page = await lab.get(f"{path}/trials?client_id=mai&limit=1")
    talk = f"/api/conversations/{page['trials'][0]['conversation_id']}"
    assert (await lab.ask("GET", talk)).status == 403
    assert (await lab.ask("GET", f"{talk}?client_id=mai")).status == 200


async def wait_for_lines(path: Path, count: int) -> None:
    await wait_until(
        lambda: path.exists() and path.read_text("utf-8").count("\n") >= count,
        30,
        what=f"{count} lines of {path.name}",
    )

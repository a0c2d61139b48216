"""A webhook hears of an experiment as a whole, with the exit code of the command."""

from pathlib import Path

from tests.integration.evaluation.lab import Lab, run
from tests.servers.hook import HookServer
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_an_experiment_is_told_once_and_its_trials_are_not(
    tmp_path: Path, robot: RobotServer
) -> None:
    async with HookServer() as hook, Lab(tmp_path, robot.url).open(webhook_url=hook.url) as service:
        lab = Lab(tmp_path, robot.url)
        row = await run(service, lab.suite(repeats=3))
        await wait_until(lambda: hook.received)
        (told,) = [got.json for got in hook.received]
    assert (told["type"], told["id"], told["status"]) == ("experiment.ended", row.id, "completed")
    assert (told["suite"], told["trials"], told["exit_code"]) == (row.suite, 3, 0)
    assert told["links"]["api"].endswith(f"/api/experiments/{row.id}")

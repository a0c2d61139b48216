"""`duologue shrink` as a process: what it prints and writes, and how it goes on after a kill."""

import asyncio
import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.test_test import Desk
from tests.integration.evaluation.test_shrink import PRAISES
from tests.servers.robot import RobotServer


@pytest.fixture
def desk(tmp_path: Path, robot: RobotServer) -> Desk:
    return Desk(tmp_path, robot.url)


async def find_failed_talk(desk: Desk) -> str:
    desk.scenario("praises", **PRAISES)
    file = desk.suite_file(scenarios=["scenarios/praises.yaml"], bots=["careless"], repeats=4)
    code, _, _ = await desk.run("test", file, "--json", "r.json")
    assert code == 1
    document = json.loads((desk.folder / "r.json").read_text("utf-8"))
    for trial in document["trials"]:
        if any(v["id"] == "no_praise" and v["status"] == "fail" for v in trial["verdicts"]):
            return str(trial["conversation_id"])
    raise AssertionError("no talk of the careless robot failed")


def count_replays(desk: Desk, id: str) -> list[tuple[Any, ...]]:
    """Key and status of each replay of the conversation."""
    with sqlite3.connect(desk.folder / "duologue.db") as database:
        return database.execute(
            "SELECT key, status FROM conversations JOIN idempotency "
            "ON conversation_id = id WHERE parent_id = ?",
            (id,),
        ).fetchall()


async def test_the_shortest_talk_is_shown_beside_the_original_and_written_as_a_scenario(
    desk: Desk,
) -> None:
    id = await find_failed_talk(desk)
    code, out, err = await desk.run("shrink", id, "--dry-run")
    assert (code, err) == (0, "")
    assert "20 lines" in out
    assert count_replays(desk, id) == []
    code, out, err = await desk.run("shrink", id)
    assert (code, err) == (0, "")
    assert "  ▸ User: banana" in out
    file = f"scenarios/regress-{id[:8]}.yaml"
    assert out.splitlines()[-1] == f"Scenario: {file}"
    assert (await desk.run("test", file))[0] == 1
    text = (desk.folder / file).read_text("utf-8")
    (desk.folder / file).write_text(text.replace("bot_id: careless", "bot_id: demo"), "utf-8")
    desk.write("bots.yaml", {"bots": {"demo": {"kind": "demo"}}})
    assert (await desk.run("test", file))[0] == 0


async def test_after_a_kill_it_goes_on_and_has_no_replay_twice(desk: Desk) -> None:
    id = await find_failed_talk(desk)
    process = await desk.start("shrink", id, "--out", "killed.yaml")
    assert process.stdout
    while b"10 lines" not in await asyncio.wait_for(process.stdout.readline(), 120):
        assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    await process.wait()
    code, out, err = await desk.run("shrink", id, "--out", "resumed.yaml", "--json")
    assert code == 0, err
    found = json.loads(out)
    replays = count_replays(desk, id)
    assert {status for _, status in replays} == {"completed"}
    assert len(replays) == found["replays"] + found["found_replays"]
    again = json.loads((await desk.run("shrink", id, "--out", "again.yaml", "--json"))[1])
    assert (again["calls"], again["shortest"]) == (0, found["shortest"])


async def test_a_bot_whose_calls_cause_something_is_not_called_before_somebody_says_yes(
    desk: Desk,
) -> None:
    effects = {"kind": "demo", "careless": True, "lesson": 16, "side_effects": True}
    desk.write("bots.yaml", {"bots": {"careless": effects}})
    id = await find_failed_talk(desk)
    code, _, err = await desk.run("shrink", id)
    assert (code, count_replays(desk, id)) == (2, [])
    assert "--yes" in err
    assert (await desk.run("shrink", id, "--yes"))[0] == 0

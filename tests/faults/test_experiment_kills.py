"""kill -9 in the middle of 200 trials: none lost, none twice, the verdicts of an undisturbed run.

`EXPERIMENT_KILLS=20` kills so often; each time the command goes on by id.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.process import Process
from tests.servers.wait import wait_until

KILLS = int(os.environ.get("EXPERIMENT_KILLS", "1"))
SEED = 13
SCENARIO = {
    "user": "scripted",
    "max_turns": 3,
    "lines": ["sẵn sàng", "banana"],
    "checks": [
        {"after": {"user_says": "banana", "bot_never_says": {"re": "(?i)chính xác"}, "within": 1}},
        {"no_repeats": "bot"},
        {"bot_language": {"vi": 0.2}, "where": "every"},
    ],
}
SUITE = {
    "name": "Kills",
    "scenarios": ["scenarios/*.yaml"],
    "personas": ["child", "wrong"],
    "bots": [16, "careless"],
    "repeats": 50,
    "concurrency": 4,  # few end in the moment of a kill, so that twenty kills find trials to run
}


def command(folder: Path, *words: str) -> Process:
    return Process(["python", "-m", "cli", *words], cwd=folder, startup=60)


async def run(folder: Path, *words: str) -> int:
    async with command(folder, *words) as process:
        return await process.wait(240)


def count_lines(path: Path) -> int:
    return path.read_text("utf-8").count("\n") if path.exists() else 0


def verdicts(folder: Path, name: str) -> dict[str, Any]:
    """The outcome and verdicts of each trial of a JSON report."""
    document = json.loads((folder / name).read_text("utf-8"))
    return {
        "/".join(str(one[part]) for part in ("scenario", "persona", "bot", "repeat")): [
            one["outcome"],
            *((verdict["id"], verdict["status"]) for verdict in one["verdicts"]),
        ]
        for one in document["trials"]
    }


@pytest.mark.timeout(300 + 60 * KILLS)
async def test_a_killed_experiment_ends_with_the_verdicts_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    for name, data in (("scenarios/word.yaml", SCENARIO), ("suites/kills.yaml", SUITE)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    lines = tmp_path / "killed.jsonl"
    chance = random.Random(SEED)
    words = ["test", "suites/kills.yaml", "--name", "killed", "--jsonl", "killed.jsonl"]
    for _ in range(KILLS):
        enough = count_lines(lines) + chance.randint(1, max(1, 100 // KILLS))
        async with command(tmp_path, *words) as process:
            await wait_until(lambda n=enough: count_lines(lines) >= n, 120, what="trials")
            process.kill9()
            await process.wait()
        words = ["test", "--resume", "killed", "--jsonl", "killed.jsonl"]
    kept = {
        one["id"]: one["conversation_id"]
        for one in map(json.loads, lines.read_text("utf-8").splitlines())
    }
    assert await run(tmp_path, *words, "--json", "killed.json") == 1
    assert await run(tmp_path, "test", "suites/kills.yaml", "--json", "whole.json") == 1
    found = verdicts(tmp_path, "killed.json")
    assert len(found) == 200
    assert found == verdicts(tmp_path, "whole.json")
    document = json.loads((tmp_path / "killed.json").read_text("utf-8"))
    held = {one["id"]: one["conversation_id"] for one in document["trials"]}
    assert kept.items() <= held.items()
    assert len(set(held.values())) == 200

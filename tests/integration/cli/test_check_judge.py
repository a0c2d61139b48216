"""`duologue check-judge`, offline and at a real server that judges."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.servers.process import Process

SCENARIO = """
checks:
  - no_repeats: bot
  - no_leftovers: bot
criteria:
  - kind: Is the bot kind?
"""
SUITE = "name: judged\nscenarios: [scenarios/*.yaml]\n"
KINDS = ["--kind", "leaked_json", "--kind", "rudeness", "--talks", "3"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "kind.yaml").write_text(SCENARIO, "utf-8")
    (tmp_path / "suite.yaml").write_text(SUITE, "utf-8")
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = main(["check-judge", "suite.yaml", *KINDS, "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_offline_the_checks_alone_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = check(capsys, "--offline")
    leaked, rude = found["flaws"]
    assert code == 0
    assert (leaked["checks"]["found"], leaked["judge"]) == (3, None)
    assert rude["both"]["found"] == 0


async def test_a_judge_is_asked_where_there_is_one(tmp_path: Path) -> None:
    argv = ["python", "-m", "tests.servers.llm", "--judge", "honest"]
    async with Process(argv, ready="listening on") as judge:
        url = judge.stdout.split("listening on ")[1].split()[0]
        env = {"OPENAI_BASE_URL": f"{url}/v1"}
        command = ["python", "-m", "cli", "check-judge", "suite.yaml", *KINDS]
        async with Process(command, cwd=tmp_path, env=env) as asked:
            assert await asked.wait(60) == 0, asked.stderr
            said = asked.stdout
    assert "kind: 0 of 3" in said
    assert " USD" in said


def test_a_judge_that_cannot_be_asked_is_not_believed(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = check(capsys)
    assert code == 3
    assert "no model is configured" in found["canary"]
    assert found["unjudged"] == 9


def test_an_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-judge", "suite.yaml", "--kind", "typo"]) == 2
    assert "rudeness" in capsys.readouterr().err

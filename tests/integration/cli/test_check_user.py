"""`duologue check-user` as a process, as docs/personas.md has it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import ROOT, clean_environment


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", "check-user", *words]
    environment = {**clean_environment({}), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("persona", ["learner", "teen", "rambler-en"])
def test_a_persona_is_measured_without_a_model(tmp_path: Path, persona: str) -> None:
    done = check(tmp_path, persona, "--user", "scripted", "--talks", "1", "--turns", "4", "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert (measured["played_by"], measured["failed_talks"]) == ("scripted", {})
    assert measured["lines"] >= 8
    assert "realism" in measured["not_measured"]


@pytest.mark.parametrize(("format", "begins"), [("markdown", "## Persona"), ("html", "<!doctype")])
def test_what_was_measured_comes_as_a_report(tmp_path: Path, format: str, begins: str) -> None:
    words = ("--user", "scripted", "--talks", "1", "--turns", "3", "--format", format)
    done = check(tmp_path, "teen", *words)
    assert done.stdout.startswith(begins), done.stderr
    assert "not measured: realism" in done.stdout
    assert "behaviours: tangent" in done.stdout

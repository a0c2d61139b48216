"""The public Python module, used as a script uses it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import duologue
from core.errors import ConfigError
from tests.servers.process import ROOT, clean_environment

LESSON = {"user": "scripted", "max_turns": 3}


def write(folder: Path, name: str, data: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


def test_a_conversation_with_a_configured_bot_is_had_and_checked(tmp_path: Path) -> None:
    talk = duologue.simulate(16, LESSON, folder=tmp_path)
    assert (talk.status, talk.turns, len(talk.bot_lines)) == ("completed", 3, 3)
    assert str(talk).startswith("User: ")
    good, bad = duologue.check(talk, {"bot_says": "juice"}, {"bot_says": "nowhere"})
    assert good
    assert "juice" in good.quotes
    assert not bad
    assert bad.status == "fail"
    assert list(tmp_path.iterdir()) == []


def test_a_function_is_a_bot_and_sees_the_lines_before(tmp_path: Path) -> None:
    seen: list[int] = []

    def answer(line: str, history: list[dict[str, str]]) -> str:
        seen.append(len(history))
        return f"bạn nói {line}"

    talk = duologue.simulate(answer, {**LESSON, "lines": ["một", "hai", "ba"]}, folder=tmp_path)
    assert talk.bot_lines == ["bạn nói một", "bạn nói hai", "bạn nói ba"]
    assert seen == [0, 2, 4]


def test_a_function_that_raises_is_a_broken_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOLOGUE_ATTEMPTS", "1")

    def answer(line: str, history: list[dict[str, str]]) -> str:
        raise RuntimeError("hỏng")

    talk = duologue.simulate(answer, LESSON, folder=tmp_path)
    assert talk.status == "interrupted"
    assert talk.error
    (found,) = duologue.check(talk, {"bot_never_says": "zzz"})
    assert (found.status, bool(found)) == ("error", False)
    with pytest.raises(ValueError, match="at least one check"):
        duologue.check(talk)


async def test_it_works_inside_a_running_event_loop(tmp_path: Path) -> None:
    talk = await asyncio.to_thread(duologue.simulate, 16, LESSON, folder=tmp_path)
    assert talk.turns == 3


def test_a_suite_is_run_and_tells_what_failed(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/a.yaml", {**LESSON, "checks": [{"bot_says": "nowhere"}]})
    suite = {"name": "S", "scenarios": ["scenarios/*.yaml"], "repeats": 2}
    write(tmp_path, "suites/s.yaml", suite)
    result = duologue.run_suite("suites/s.yaml", folder=tmp_path)
    assert (result.ok, result.exit_code) == (False, 1)
    first, second = result.failures
    assert (first.cell, first.outcome, second.repeat) == ("a/-/16", "failed", 2)
    assert "bot_says: fail" in str(first)
    assert result.report("junit").startswith("<?xml")
    assert (tmp_path / "duologue.db").exists()


def test_a_mistake_in_a_file_names_its_place(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/a.yaml", {**LESSON, "checks": [{"bot_says": "a"}]})
    suite = {"name": "S", "scenarios": ["scenarios/*.yaml"], "repeets": 2}
    write(tmp_path, "suites/s.yaml", suite)
    with pytest.raises(ConfigError, match=r"s\.yaml:2: repeets: .*repeats"):
        duologue.run_suite("suites/s.yaml", folder=tmp_path)


def run_pytest(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env=clean_environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(150)
def test_pytest_collects_files_and_gives_the_fixture(tmp_path: Path) -> None:
    good = {**LESSON, "checks": [{"bot_says": "juice"}]}
    bad = {**LESSON, "checks": [{"bot_says": "nowhere"}]}
    write(tmp_path, "good.duologue.yaml", good)
    write(tmp_path, "bad.duologue.yaml", {**bad, "persona": ["child", "shy"]})
    gated = {"name": "G", "scenarios": [{"id": "g", **bad}], "gate": {"pass_rate": 0.5}}
    write(tmp_path, "gated.duologue.yaml", gated)
    (tmp_path / "test_it.py").write_text(
        "def test_it(duologue):\n"
        "    talk = duologue.simulate(16, {'user': 'scripted', 'max_turns': 2})\n"
        "    assert all(duologue.check(talk, {'bot_says': 'juice'}))\n",
        encoding="utf-8",
    )
    ended = run_pytest(tmp_path)
    assert ended.returncode == 1
    assert "3 failed, 2 passed" in ended.stdout
    assert "bad.duologue/child/16#1: failed" in ended.stdout
    assert "again: duologue test" in ended.stdout
    assert "exit code 1" in ended.stdout


def test_the_plug_in_imports_nothing_of_ours_until_it_is_used() -> None:
    code = (
        "import sys, duologue.pytest_plugin\n"
        "ours = {'core', 'nodes', 'graph', 'evaluation', 'api', 'langgraph', 'pydantic'}\n"
        "print(sorted(ours & {name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"

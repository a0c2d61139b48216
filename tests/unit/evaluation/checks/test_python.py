"""Checks of the user's own: loaded by file path, in a process that knows nothing of ours."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evaluation.checks.any import run_checks
from evaluation.checks.python import PythonRunner
from evaluation.verdicts import Verdict
from tests.unit.evaluation.talks import check, talk

SAID = talk("HU: old", "U: a", "B: Giỏi lắm! ⭐⭐⭐", session={"score": 3}, end_reason="bot_ended")
Ask = Callable[[str], Awaitable[Verdict]]


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[PythonRunner]:
    (tmp_path / "checks").mkdir()
    async with PythonRunner(tmp_path, time_limit_s=5) as running:
        yield running


@pytest.fixture
def ask(runner: PythonRunner, tmp_path: Path) -> Ask:
    """The verdict of a function `f` with this body."""

    async def verdict(code: str) -> Verdict:
        (tmp_path / "checks" / "mine.py").write_text(code, "utf-8")
        found = await run_checks([check(python="checks/mine.py:f")], SAID, runner)
        return found[0]

    return verdict


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("return True", "pass", ""),
        ("return False", "fail", ""),
        ("return None", "inconclusive", "None"),
        ("return False, 'zu wenige'", "fail", "zu wenige"),
        ("return t[1]['content'].count('⭐') >= 3, 'stars'", "pass", "stars"),
        ("return t.bot == [t[-1]['content']] and t.user == ['a']", "pass", ""),
        ("return t.session['score'] == 3 and t.end_reason == 'bot_ended'", "pass", ""),
        ("return t[0]['index'] == 1 and t.turns == 1 and t.messages == t", "pass", ""),
        ("return 1", "error", "returned int"),
        ("return 1 / 0", "error", "ZeroDivisionError"),
        ("raise SystemExit(3)", "error", "SystemExit"),
        ("import os; os._exit(3)", "error", "without an answer"),
        ("print('{\"passed\": true}'); return False", "fail", ""),
    ],
)
async def test_what_a_function_says(ask: Ask, body: str, status: str, reason: str) -> None:
    found = await ask(f"def f(t):\n    {body}\n")
    assert found.status == status, found.reason
    assert reason in found.reason


@pytest.mark.parametrize(
    ("code", "reason"),
    [("def g(t): return True", "no attribute 'f'"), ("def f(t:", "SyntaxError"), ("f = 3", "int")],
)
async def test_a_file_that_cannot_be_used_is_an_error(ask: Ask, code: str, reason: str) -> None:
    found = await ask(code)
    assert (found.status, reason in found.reason) == ("error", True), found.reason


async def test_a_file_that_is_not_there_is_an_error(runner: PythonRunner) -> None:
    found = await run_checks([check(python="checks/none.py:f")], SAID, runner)
    assert found[0].status == "error"
    assert "none.py" in found[0].reason


async def test_a_folder_that_is_not_there_is_an_error_and_breaks_no_trial(
    runner: PythonRunner,
) -> None:
    found = await run_checks([check(python="gone/none.py:f")], SAID, runner)
    assert found[0].status == "error"
    assert "gone" in found[0].reason


async def test_what_a_check_prints_goes_to_standard_error_and_clears_no_screen(
    ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    found = await ask("def f(t):\n    print('\\x1b[2J chào', chr(0xD800))\n    return True\n")
    assert found.status == "pass"
    assert capfd.readouterr() == ("", "\\x1b[2J chào \\ud800\n")


async def test_a_users_graph_py_does_not_meet_ours(ask: Ask, tmp_path: Path) -> None:
    import sys

    import graph.build as ours

    for name in ("graph", "nodes", "core"):
        (tmp_path / "checks" / f"{name}.py").write_text(f"WHOSE = 'the user {name}'\n", "utf-8")
    code = (
        "import graph, nodes, core\n"
        "def f(t):\n"
        "    import graph as again\n"
        "    return [m.WHOSE for m in (again, nodes, core)] == "
        "['the user graph', 'the user nodes', 'the user core']\n"
    )
    assert (await ask(code)).status == "pass"
    assert sys.modules["graph.build"] is ours


async def test_a_check_that_hangs_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\ndef f(t): time.sleep(60)\ndef g(t): return True\n", "utf-8"
    )
    async with PythonRunner(tmp_path, time_limit_s=0.5) as runner:
        checks = [check(python="slow.py:f"), check(python="slow.py:g")]
        found = await run_checks(checks, SAID, runner)
    assert [one.status for one in found] == ["error", "pass"]
    assert "0.5 s" in found[0].reason


async def test_without_a_runner_a_python_check_is_an_error_and_never_a_pass() -> None:
    found = await run_checks([check(python="checks/mine.py:f")], SAID)
    assert found[0].status == "error"


async def test_given_history_is_handed_over_only_when_asked_for(
    runner: PythonRunner, tmp_path: Path
) -> None:
    (tmp_path / "checks" / "mine.py").write_text("def f(t): return len(t) == 3\n", "utf-8")
    fields = {"python": "checks/mine.py:f"}
    found = await run_checks([check(**fields), check(**fields, include_history=True)], SAID, runner)
    assert [one.status for one in found] == ["fail", "pass"]


async def test_text_that_cannot_be_stored_is_cleaned_and_the_verdict_kept(ask: Ask) -> None:
    found = await ask("def f(t): return True, 'x ' + chr(0xD800) + chr(0)")
    assert (found.status, found.reason) == ("pass", "x \ufffd\ufffd")
    assert found.model_dump_json()

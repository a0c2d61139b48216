"""Processes under test are started, watched and ended within bounds."""

import os
import signal
from pathlib import Path

import pytest

from tests.servers.process import Process, clean_environment
from tests.servers.wait import wait_until

TALKS = "import time; print('ready'); time.sleep(60)"
LEAVES_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid)
time.sleep(60)
"""


async def test_ready_line_then_kill9() -> None:
    async with Process(["python", "-c", TALKS], ready="^ready") as p:
        assert p.rss() > 1_000_000
        assert p.open_files() >= 3
        p.kill9()
        assert await p.wait() == -signal.SIGKILL
    assert p.stdout == "ready\n"


async def test_failed_start_tells_the_end_of_stderr() -> None:
    with pytest.raises(AssertionError, match="no such luck"):
        async with Process(["python", "-c", "raise SystemExit('no such luck')"], ready="never"):
            pass


async def test_slow_start_is_given_up() -> None:
    with pytest.raises(AssertionError, match="not ready"):
        async with Process(["python", "-c", TALKS], ready="never", startup=0.2):
            pass


async def test_leaving_ends_what_the_process_left_behind() -> None:
    async with Process(["python", "-c", LEAVES_A_CHILD], ready=r"child \d+") as p:
        child = int(p.stdout.split()[1])
        p.kill9()
        await p.wait()
        os.kill(child, 0)
    await wait_until(lambda: gone(child))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_environment_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    env = clean_environment({"DUOLOGUE_PORT": "1"})
    assert "OPENAI_API_KEY" not in env
    assert env["DUOLOGUE_PORT"] == "1"


async def test_wait_until_tells_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match="three calls, last 0"):
        await wait_until(lambda: 0, 0.02, what="three calls")

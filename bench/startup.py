"""How long a person waits before anything happens."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from bench.processes import BIN, ROOT, free_port


def seconds(argv: list[str], count: int) -> list[float]:
    """Each of `count` calls; the one before them, which warms caches, is not counted."""
    times = []
    for _ in range(count + 1):
        began = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=60)
        times.append(time.perf_counter() - began)
    return times[1:]


def help_s(count: int) -> list[float]:
    return seconds([str(BIN / "duologue"), "--help"], count)


def engine_import_s(count: int) -> list[float]:
    return seconds([sys.executable, "-c", "import graph.process"], count)


def bare_python_s(count: int) -> list[float]:
    return seconds([sys.executable, "-c", "pass"], count)


def make_run_s(folder: Path, count: int) -> list[float]:
    """`make run` until /health answers, with the page."""
    return [_make_run(folder) for _ in range(count + 1)][1:]


def _make_run(folder: Path) -> float:
    port = free_port()
    args = f"ARGS=--port {port} --database sqlite:///{folder / 'run.db'}"
    env = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    began = time.perf_counter()
    process = subprocess.Popen(
        ["make", "--silent", "run", args],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            if time.perf_counter() - began > 60 or process.poll() is not None:
                raise RuntimeError("make run is not ready after a minute, or ended")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    return time.perf_counter() - began
            except OSError:
                time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # make and its server: our own group
        process.wait(20)

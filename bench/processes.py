"""Processes of a measurement: started here, ended by their ids, bounded in time."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import SYSTEM

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Server:
    """A server that was started here."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu(self) -> float:
        """CPU seconds it has used."""
        return cpu_of(self.pid)

    def rss_kb(self) -> int:
        return rss_of(self.pid)

    def stop(self, grace_s: float = 20.0) -> int:
        """Its exit code after SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(5)


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_of(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024


@contextlib.contextmanager
def start_server(argv: Sequence[str], url: str, ready: str, **env: str) -> Iterator[Server]:
    """A server that answers `url + ready` within half a minute; stopped on leaving."""
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if env.get("BENCH_LOUD") else subprocess.DEVNULL,
    )
    server = Server(process, url)
    try:
        _await(process, url + ready)
        yield server
    finally:
        server.stop()


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status < 500:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} is not ready after a minute")


@dataclass
class Mocks:
    """A model and a robot, at one pace."""

    llm: Server
    robot: Server


@contextlib.contextmanager
def mocks(first_ms: int, token_ms: int) -> Iterator[Mocks]:
    with contextlib.ExitStack() as stack:
        servers = []
        for kind in ("llm", "robot"):
            port = str(free_port())
            argv = [sys.executable, "-m", "bench.servers", kind, "--port", port]
            argv += ["--first-ms", str(first_ms), "--token-ms", str(token_ms)]
            url = f"http://127.0.0.1:{port}"
            servers.append(stack.enter_context(start_server(argv, url, "/_stats")))
        yield Mocks(*servers)


def settings(folder: Path, llm: str, robot: str, **more: str) -> dict[str, str]:
    """The environment of a product configured as a user would: one robot, one model, a persona.

    The persona has no fixed opening, so that each turn asks the model, as the others do.
    """
    personas = folder / "personas"
    personas.mkdir(parents=True, exist_ok=True)
    (personas / "learner.yaml").write_text(f"name: Minh\ngoal: {SYSTEM}\n", encoding="utf-8")
    bots = folder / "bots.yaml"
    bots.write_text(
        f"bots:\n  16: {{kind: webhook, preset: robot-lesson, base_url: '{robot}'}}\n",
        encoding="utf-8",
    )
    return {
        "DUOLOGUE_BOTS": str(bots),
        "DUOLOGUE_PERSONAS": str(personas),
        "DUOLOGUE_DATABASE_URL": f"sqlite:///{folder / 'bench.db'}",
        "DUOLOGUE_MODEL": "bench",
        "DUOLOGUE_MAX_OPEN_RUNS": "20000",
        "DUOLOGUE_LOG_LEVEL": "WARNING",
        "OPENAI_API_KEY": "bench",
        "OPENAI_BASE_URL": f"{llm}/v1",
        **more,
    }


@contextlib.contextmanager
def service(folder: Path, llm: str, robot: str, **more: str) -> Iterator[Server]:
    """`duologue serve` without the page, on a database in `folder`."""
    port = free_port()
    argv = [str(BIN / "duologue"), "serve", "--no-ui", "--port", str(port)]
    env = settings(folder, llm, robot, **more)
    with start_server(argv, f"http://127.0.0.1:{port}", "/health", **env) as server:
        yield server


def system(name: str, mocked: Mocks, *, python: str = sys.executable, **given: Any) -> Any:
    """What `bench.systems.<name>` measured, in a process of its own; None where it failed."""
    argv = [python, "-m", f"bench.systems.{name}"]
    argv += ["--llm", mocked.llm.url, "--robot", mocked.robot.url]
    for key, value in given.items():
        argv += [f"--{key.replace('_', '-')}", str(value)]
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"{name}: not done after two minutes\n")
        return None
    try:
        return json.loads(done.stdout.decode().splitlines()[-1])
    except (json.JSONDecodeError, IndexError):
        sys.stderr.write(f"{name} failed:\n{done.stderr.decode()[-3000:]}\n")
        return None

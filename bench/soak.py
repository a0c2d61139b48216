"""`python -m bench.soak`: thousands of conversations while the server is killed, stopped, starved
of disk and told a wrong time, with readers that never read. Prints a ledger of what was promised.

Bounded by `--minutes` and `--conversations`. Needs Linux, `faketime`, and root or a sudo that may
mount a small disk; without them it says which fault was left out.
"""

import argparse
import asyncio
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.servers.host import free_port
from tests.servers.process import Process
from tests.servers.robot import RobotServer, reply_to

BIN = Path(sys.executable).parent
CLOCKS = (0, 0, 0, -2, 2, -3600, 3600, -365 * 86400, 365 * 86400)
"""Seconds by which the server's clock is wrong, one drawn for each start."""
ENDINGS = ("kill", "kill", "kill", "kill", "stop", "disk", "none")
AT_ONCE = 20
READERS = 5


def line_of(turn: int) -> str:
    return f"câu số {turn}: con khát nước 🥤"


def expected(turns: int) -> list[str]:
    """The transcript of a conversation that nothing disturbed."""
    return [text for n in range(1, turns + 1) for text in (line_of(n), reply_to(n, line_of(n)))]


@dataclass
class Ledger:
    """What was done and what was found. Every count of `faults` must be zero."""

    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def blame(self, fault: str, example: str) -> None:
        self.faults[fault] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{fault}: {example}")

    def table(self) -> str:
        rows = [f"| {name} | {count:,} |" for name, count in self.done.items()]
        rows += [f"| **{name}** | **{self.faults[name]:,}** |" for name in FAULTS]
        rows += [f"| left out | {why} |" for why in self.left_out]
        return "\n".join(["| what | count |", "|---|--:|", *rows, "", *self.examples])


FAULTS = (
    "ids answered with 2xx that are gone",
    "acknowledged messages lost or changed",
    "transcripts that differ from an undisturbed run",
    "conversations that did not end",
    "turns sent under two texts",
    "turns sent again beyond one for each interruption",
    "server errors (5xx) but for a full disk or a stop",
    "checkpoints without a conversation",
    "files left open for readers that never read",
    "starts that failed",
)
(GONE, LOST, DIFFERS, STUCK, TWO_TEXTS, AGAIN, BROKE, ORPHANS, OPEN_FILES, NO_START) = FAULTS


class Soak:
    """One soak: a robot that journals, a server that suffers, a folder on a small disk."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder = folder
        self.given = given
        self.chance = random.Random(given.seed)
        self.ledger = Ledger()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.turns: dict[str, int] = {}
        self.seen: dict[str, list[str]] = {}
        self.interruptions = 0

    async def run(self) -> Ledger:
        deadline = time.monotonic() + 60 * self.given.minutes
        async with RobotServer(honour_keys=True) as robot, aiohttp.ClientSession() as client:
            self.client = client
            (self.folder / "bots.yaml").write_text(
                f"bots:\n  16: {{kind: webhook, preset: robot-lesson, base_url: '{robot.url}'}}\n"
            )
            while len(self.turns) < self.given.conversations and time.monotonic() < deadline:
                robot.set(delay=self.chance.choice([0.0, 0.005, 0.02]))
                await self.suffer()
            robot.set(delay=0.0)
            await self.settle()
            self.audit(robot)
        return self.ledger

    # --- one life of the server -----------------------------------------------------------------

    def process(self, clock: int) -> Process:
        argv = [str(BIN / "duologue"), "serve", "--no-ui", "--port", str(self.port)]
        if clock and shutil.which("faketime"):
            argv = ["faketime", "-f", f"{clock:+d}s", *argv]
        env = {
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DUOLOGUE_BOTS": str(self.folder / "bots.yaml"),
            "DUOLOGUE_DATABASE_URL": f"sqlite:///{self.folder / 'soak.db'}",
            "DUOLOGUE_LOG_LEVEL": "WARNING",
        }
        return Process(argv, env=env, ready=f"{self.url}/health", startup=60)

    async def suffer(self) -> None:
        """A start with some clock, conversations, and an ending."""
        clock, ending = self.chance.choice(CLOCKS), self.chance.choice(ENDINGS)
        self.ledger.done["starts of the server"] += 1
        self.ledger.done["with a wrong clock"] += bool(clock)
        async with self.process(clock) as server:
            await self.compare_sample()
            readers = list(self.open_readers())
            seconds = self.chance.uniform(1.0, 8.0)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        group.create_task(self.converse())
            await self.look_at_sample()
            await self.end(server, ending)
            for reader in readers:
                reader.close()

    async def end(self, server: Process, ending: str) -> None:
        self.ledger.done[f"ended by: {ending}"] += 1
        self.interruptions += 1
        if ending == "kill":
            server.kill9()
            await server.wait()
        elif ending == "disk":
            with fill_disk(self.folder):
                await self.converse_a_while()
                server.kill9()
                await server.wait()

    async def converse_a_while(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0), asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(self.converse())

    async def converse(self) -> None:
        """Conversations one after another; an id counts the moment it is answered."""
        while len(self.turns) < self.given.conversations:
            turns = self.chance.randint(1, 4)
            lines = [line_of(n) for n in range(1, turns + 1)]
            body = {"bot_id": 16, "max_turns": turns, "lines": lines}
            made = await self.ask("POST", "/api/conversations", body)
            if made is None:
                return
            id = made["conversation_id"]
            self.turns[id] = turns
            self.ledger.done["conversations"] += 1
            self.ledger.done["turns"] += turns
            await self.ask("POST", f"/api/conversations/{id}/runs", {})
            await asyncio.sleep(0.01)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; None where the server is gone or said why it cannot."""
        headers = {"Prefer": "respond-async"}
        try:
            async with self.client.request(
                method, self.url + path, json=body, headers=headers
            ) as response:
                if response.status < 300:
                    return await response.json()
                if response.status >= 500 and response.status not in (503, 507):
                    self.ledger.blame(BROKE, f"{response.status} {method} {path}")
                return {"status": response.status} if response.status == 404 else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    def open_readers(self) -> Iterator[socket.socket]:
        """Clients that ask for a stream and never read."""
        for id in self.chance.sample(sorted(self.turns), min(READERS, len(self.turns))):
            reader = socket.create_connection(("127.0.0.1", self.port), timeout=2)
            path = f"/api/conversations/{id}/events"
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
            self.ledger.done["readers that never read"] += 1
            yield reader

    # --- what must be so --------------------------------------------------------------------------

    async def look_at_sample(self) -> None:
        """Notes what is shown just before the end: acknowledged, so it must not change."""
        self.seen = {}
        recent = list(self.turns)[-60:]
        for id in self.chance.sample(recent, min(15, len(recent))):
            if (shown := await self.ask("GET", f"/api/conversations/{id}")) and "history" in shown:
                self.seen[id] = [line["content"] for line in shown["history"]]

    async def compare_sample(self) -> None:
        for id, before in self.seen.items():
            shown = await self.ask("GET", f"/api/conversations/{id}")
            if shown is None:
                continue
            now = [line["content"] for line in shown.get("history", [])]
            self.ledger.done["acknowledged messages compared after an ending"] += len(before)
            if now[: len(before)] != before:
                self.ledger.blame(LOST, f"{id}: {len(before)} messages, then {len(now)}")

    async def settle(self) -> None:
        """With a true clock and room on the disk everything comes to its end."""
        async with self.process(0) as server:
            files = server.open_files()
            for id, turns in self.turns.items():
                await self.settle_one(id, turns)
            readers = list(self.open_readers())
            for reader in readers:
                reader.close()
            await asyncio.sleep(5)  # idle connections to the robot go after four seconds
            if server.open_files() > files + 25:
                self.ledger.blame(OPEN_FILES, f"{files} before, {server.open_files()} after")
            self.ledger.done["memory at the end, MB"] = server.rss() // 2**20

    async def settle_one(self, id: str, turns: int) -> None:
        path = f"/api/conversations/{id}"
        for attempt in range(200):
            shown = await self.ask("GET", path)
            if shown is None or shown.get("status") == 404:
                self.ledger.blame(GONE, id)
                return
            if shown["status"] == "completed":
                if [line["content"] for line in shown["history"]] != expected(turns):
                    self.ledger.blame(DIFFERS, id)
                return
            if shown["status"] in ("created", "interrupted"):
                action = "runs" if shown["status"] == "created" else "resume"
                await self.ask("POST", f"{path}/{action}", {})
            await asyncio.sleep(min(0.01 * (attempt + 1), 0.2))
        self.ledger.blame(STUCK, f"{id}: {shown['status']}")

    def audit(self, robot: RobotServer) -> None:
        """Holds the robot's journal and the database against each other."""
        texts: dict[str, set[str | None]] = {}
        calls: Counter[str] = Counter()
        for call in robot.calls:
            if call.op == "turn" and call.key:
                texts.setdefault(call.key, set()).add(call.message)
                calls[call.key] += 1
        for key, said in texts.items():
            if len(said) > 1:
                self.ledger.blame(TWO_TEXTS, key)
            if calls[key] > 1 + self.interruptions:
                self.ledger.blame(AGAIN, f"{key}: {calls[key]} times")
        self.ledger.done["turns sent again after an interruption"] = sum(calls.values()) - len(
            calls
        )
        with sqlite3.connect(f"file:{self.folder / 'soak.db'}?mode=ro", uri=True) as database:
            (count,) = database.execute(
                "SELECT count(DISTINCT thread_id) FROM checkpoints "
                "WHERE thread_id NOT IN (SELECT id FROM conversations)"
            ).fetchone()
        if count:
            self.ledger.blame(ORPHANS, f"{count} threads")


@contextmanager
def small_disk(folder: Path, ledger: Ledger) -> Iterator[Path]:
    """A disk of its own, which a ballast can fill; the folder itself where none may be mounted."""
    command = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = ["mount", "-t", "tmpfs", "-o", "size=2g,mode=777", "none", str(folder)]
    mounted = subprocess.run([*command, *mount], capture_output=True, check=False)
    if mounted.returncode:
        ledger.left_out.append("full disk: none may be mounted here")
    try:
        yield folder
    finally:
        if not mounted.returncode:
            subprocess.run([*command, "umount", "-l", str(folder)], check=False)


@contextmanager
def fill_disk(folder: Path) -> Iterator[None]:
    """No room for as long as this lasts; nothing where the folder is no disk of its own."""
    ballast = folder / "ballast"
    if folder.is_mount():
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


def main() -> int:
    given = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    given.add_argument("--minutes", type=float, default=30)
    given.add_argument("--conversations", type=int, default=20_000)
    given.add_argument("--seed", type=int, default=1)
    options = given.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="duologue-soak-") as place:
        soak = Soak(Path(place), options)
        if not shutil.which("faketime"):
            soak.ledger.left_out.append("wrong clocks: there is no faketime")
        with small_disk(Path(place), soak.ledger):
            ledger = asyncio.run(soak.run())
    print(ledger.table())
    minutes = (time.monotonic() - began) / 60
    verdict = "a promise was broken" if ledger.faults else "every promise held"
    print(f"\n{verdict}; seed {options.seed}, {minutes:.1f} minutes")
    return 1 if ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.soak`: thousands of conversations while the server is killed, stopped, starved
of disk and told a wrong time, with readers that never read. Prints a ledger of what was promised.

Bounded by `--minutes` and `--conversations`. Needs Linux, `faketime`, and root or a sudo that may
mount a small disk; without them it says which fault was left out.
"""

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from bench.soak_ledger import (
    BROKE,
    DIED,
    DIFFERS,
    GONE,
    LOST,
    NO_START,
    STUCK,
    TWICE,
    Ledger,
    audit_calls,
    audit_deleted,
    audit_folder,
    audit_tables,
    compare_use,
)
from tests.servers.clock import has_faketime, set_clock
from tests.servers.host import free_port
from tests.servers.process import Process
from tests.servers.robot import RobotServer, reply_to

BIN = Path(sys.executable).parent
CLOCKS = (0, 0, 0, -2, 2, -3600, 3600, -365 * 86400, 365 * 86400)
"""Seconds by which the server's clock is wrong, one drawn for each start."""
ENDINGS = ("kill", "kill", "kill", "stop", "disk")
AT_ONCE = 20
READERS = 5
WARM = 500
"""So many conversations the last server has shown before its memory is noted."""
LIFE_S = (2.0, 16.0)


def lines_of(word: str, turns: int) -> list[str]:
    """What the user says; `word` stands in no other conversation."""
    return [f"câu số {n}: {word} 🥤" for n in range(1, turns + 1)]


def expect_lines(word: str, turns: int) -> list[str]:
    """The transcript of a conversation that nothing disturbed."""
    lines = enumerate(lines_of(word, turns), 1)
    return [text for n, line in lines for text in (line, reply_to(n, line))]


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
        self.words: dict[str, str] = {}
        self.seen: dict[str, list[str]] = {}
        self.unanswered = 0
        self.deleted: list[str] = []
        self.lives: list[int] = []
        """How many calls the bot had heard when each life of the server began."""

    async def run(self) -> Ledger:
        deadline = time.monotonic() + 60 * self.given.minutes
        async with RobotServer(honour_keys=True) as robot, aiohttp.ClientSession() as client:
            self.client, self.robot = client, robot
            (self.folder / "bots.yaml").write_text(
                f"bots:\n  16: {{kind: webhook, preset: robot-lesson, base_url: '{robot.url}'}}\n"
            )
            while len(self.turns) < self.given.conversations and time.monotonic() < deadline:
                robot.set(delay=self.chance.choice([0.0, 0.005, 0.02]))
                await self.suffer()
            robot.set(delay=0.0)
            await self.settle()
            self.audit()
        return self.ledger

    # --- one life of the server -----------------------------------------------------------------

    def process(self, clock: int) -> Process:
        argv = [str(BIN / "duologue"), "serve", "--no-ui", "--port", str(self.port)]
        env = {
            "DUOLOGUE_BOTS": str(self.folder / "bots.yaml"),
            "DUOLOGUE_DATABASE_URL": f"sqlite:///{self.folder / 'soak.db'}",
            "DUOLOGUE_LOG_LEVEL": "WARNING",
            **(set_clock(f"{clock:+d}s") if clock and has_faketime() else {}),
        }
        return Process(argv, env=env, ready=f"{self.url}/health", startup=60)

    async def suffer(self) -> None:
        """A start with some clock, conversations, and an ending."""
        await asyncio.sleep(0.5)  # what the server before sent is heard by the bot
        clock, ending = self.chance.choice(CLOCKS), self.chance.choice(ENDINGS)
        self.ledger.done["starts of the server"] += 1
        self.ledger.done["with a wrong clock"] += bool(clock)
        self.lives.append(len(self.robot.calls))
        server = self.process(clock)
        try:
            await server.__aenter__()
        except AssertionError as error:
            self.ledger.blame(NO_START, str(error))
            return
        try:
            await self.live(server, ending)
        finally:
            await server.close()
        print(f"{len(self.turns):,} conversations, {len(self.lives)} lives", file=sys.stderr)

    async def live(self, server: Process, ending: str) -> None:
        """Conversations under way until the ending comes, in the middle of them."""
        await self.compare_sample()
        readers = list(self.open_readers())
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self.converse())
            await asyncio.sleep(self.chance.uniform(*LIFE_S))
            await self.look_at_sample()
            if server.returncode is not None:
                self.ledger.blame(DIED, server.told("ended by itself"))
            await self.end(server, ending)
        for reader in readers:
            reader.close()

    async def end(self, server: Process, ending: str) -> None:
        self.ledger.done[f"ended by: {ending}"] += 1
        if ending == "disk":
            async with fill_disk(self.folder):
                await asyncio.sleep(1.0)
                server.kill9()
                await server.wait()
        elif ending == "kill":
            server.kill9()
        else:
            server.terminate()
        await server.wait(20)

    async def converse(self) -> None:
        """Conversations one after another; an id counts the moment it is answered."""
        while len(self.turns) < self.given.conversations:
            turns, word = self.chance.randint(1, 4), uuid4().hex
            lines = lines_of(word, turns)
            id = await self.create({"bot_id": 16, "max_turns": turns, "lines": lines})
            if id is None:
                return
            self.turns[id], self.words[id] = turns, word
            self.ledger.done["conversations"] += 1
            self.ledger.done["turns"] += turns
            await self.ask("POST", f"/api/conversations/{id}/runs", {})
            await asyncio.sleep(0.01)

    async def create(self, body: dict[str, Any]) -> str | None:
        """The new conversation's id; one in ten is asked for twice, as clients do that retry."""
        key = uuid4().hex
        self.unanswered += 1  # until it is answered: it may be cancelled here
        made = await self.ask("POST", "/api/conversations", body, key)
        if made is None:
            return None
        self.unanswered -= 1
        if self.chance.random() < 0.1 and (
            again := await self.ask("POST", "/api/conversations", body, key)
        ):
            self.ledger.done["creations sent twice"] += 1
            if again["conversation_id"] != made["conversation_id"]:
                self.ledger.blame(TWICE, key)
        return str(made["conversation_id"])

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """The answer's JSON; None where the server is gone or said why it cannot."""
        headers = {"Prefer": "respond-async", **({"Idempotency-Key": key} if key else {})}
        try:
            async with self.client.request(
                method, self.url + path, json=body, headers=headers
            ) as response:
                if response.status < 300:
                    return {} if response.status == 204 else await response.json()
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
        await asyncio.sleep(0.5)
        self.lives.append(len(self.robot.calls))
        async with self.process(0) as server:
            ids = list(self.turns.items())
            await self.settle_all(ids[:WARM])
            await asyncio.sleep(5)  # idle connections to the robot go after four seconds
            warm = {"files": server.open_files(), "rss": server.rss()}
            await self.settle_all(ids[WARM:])
            await self.read_badly()
            await self.delete_some()
            await asyncio.sleep(8)  # the log is emptied within seconds of a deletion
            compare_use(self.ledger, warm, {"files": server.open_files(), "rss": server.rss()})
            self.ledger.done["memory at the end, MB"] = server.rss() // 2**20

    async def settle_all(self, ids: list[tuple[str, int]]) -> None:
        waiting = iter(ids)

        async def work() -> None:
            for id, turns in waiting:
                await self.settle_one(id, turns)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(work())

    async def read_badly(self) -> None:
        """Readers that come and go, and never read."""
        for _ in range(20):
            for reader in list(self.open_readers()):
                reader.close()

    async def delete_some(self) -> None:
        for id in self.chance.sample(sorted(self.turns), len(self.turns) // 10):
            if await self.ask("DELETE", f"/api/conversations/{id}") is not None:
                self.deleted.append(id)
        self.ledger.done["deleted at the end"] = len(self.deleted)

    async def settle_one(self, id: str, turns: int) -> None:
        path = f"/api/conversations/{id}"
        status = ""
        for attempt in range(200):
            shown = await self.ask("GET", path)
            if shown is None or shown.get("status") == 404:
                self.ledger.blame(GONE, id)
                return
            status = shown["status"]
            if status == "completed":
                if [line["content"] for line in shown["history"]] != expect_lines(
                    self.words[id], turns
                ):
                    heard = [
                        f"{c.key} {c.message}" for c in self.robot.calls if c.conversation_id == id
                    ]
                    self.ledger.blame(DIFFERS, f"{shown}; the bot heard {heard}")
                return
            if status in ("created", "interrupted"):
                action = "runs" if status == "created" else "resume"
                await self.ask("POST", f"{path}/{action}", {})
            await asyncio.sleep(min(0.01 * (attempt + 1), 0.2))
        self.ledger.blame(STUCK, f"{id}: {status}")

    def audit(self) -> None:
        """Holds the robot's journal, the tables and the files against what was answered."""
        calls = self.robot.calls
        ends = [*self.lives[1:], len(calls)]
        audit_calls(
            self.ledger,
            [
                [(c.key, c.message) for c in calls[begin:end] if c.op == "turn" and c.key]
                for begin, end in zip(self.lives, ends, strict=True)
            ],
        )
        database = self.folder / "soak.db"
        audit_tables(self.ledger, database, self.turns, self.unanswered)
        gone = [text for id in self.deleted for text in (id, self.words[id])]
        audit_deleted(self.ledger, database, gone)
        audit_folder(self.ledger, self.folder, ("bots.yaml", "soak.db", "soak.db.demo"))


@contextmanager
def small_disk(folder: Path, ledger: Ledger) -> Iterator[Path]:
    """A disk of its own, which a ballast can fill; the folder itself where none may be mounted."""
    command = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = ["mount", "-t", "tmpfs", "-o", "size=1g,mode=777", "none", str(folder)]
    mounted = subprocess.run([*command, *mount], capture_output=True, check=False)
    if mounted.returncode:
        ledger.left_out.append("full disk: none may be mounted here")
    try:
        yield folder
    finally:
        if not mounted.returncode:
            subprocess.run([*command, "umount", "-l", str(folder)], check=False)


@asynccontextmanager
async def fill_disk(folder: Path) -> AsyncIterator[None]:
    """No room for as long as this lasts; nothing where the folder is no disk of its own."""
    ballast = folder / "ballast"
    # In a thread: the bot answers meanwhile, else its callers would rightly try again.
    await asyncio.to_thread(_take_all_room, ballast)
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


def _take_all_room(ballast: Path) -> None:
    if not ballast.parent.is_mount():
        return
    room = os.statvfs(ballast.parent)
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, (room.f_bavail - 16) * room.f_frsize))
        file.seek(0, os.SEEK_END)
        while True:
            file.write(bytes(4096))


def main() -> int:
    given = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    given.add_argument("--minutes", type=float, default=30)
    given.add_argument("--conversations", type=int, default=20_000)
    given.add_argument("--seed", type=int, default=1)
    options = given.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="duologue-soak-") as place:
        soak = Soak(Path(place), options)
        if not has_faketime():
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

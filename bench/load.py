"""What every system under load shares: many conversations at once, counted in a window.

Conversations have ten turns, then a new one begins. The first of each has one to ten, so that
young and old ones are there at any time; starts are spread too, so that nobody marches in step.
Counting begins when each has had a turn and a while has passed.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TURNS = 10
SYSTEM = "You are a Vietnamese child who learns English with a robot. Answer in one short line."
INIT = "/robot-ai-lesson/api/v1/bot/initConversation"
WEBHOOK = "/robot-ai-lesson/api/v1/bot/webhook"


@dataclass
class Tally:
    """Counts turns; `lags` are seconds from a model's first byte to its reader."""

    turns: int = 0
    events: int = 0
    lags: list[float] = field(default_factory=list)

    def turn(self) -> None:
        self.turns += 1


@dataclass(frozen=True)
class Options:
    llm: str
    robot: str
    at_once: int
    warm: float
    seconds: float
    spread: float
    profile: str
    more: str


Talk = Callable[[Tally, int], Awaitable[None]]
"""One conversation of so many turns."""


def options(doc: str) -> Options:
    given = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    given.add_argument("--llm", required=True, help="base URL of the model, without /v1")
    given.add_argument("--robot", required=True, help="base URL of the robot")
    given.add_argument("--at-once", type=int, default=10)
    given.add_argument("--warm", type=float, default=1.0)
    given.add_argument("--seconds", type=float, default=4.0)
    given.add_argument("--spread", type=float, default=0.0)
    given.add_argument("--profile", default="", help="write a cProfile of the window here")
    given.add_argument("--more", default="", help="an option of this system alone")
    return Options(**vars(given.parse_args()))


def rss_kb() -> int:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def stamp() -> float:
    """CPU seconds of this process and all its threads."""
    return time.process_time()


async def window(
    talk: Talk,
    given: Options,
    *,
    cpu: Callable[[], float] = stamp,
    memory: Callable[[], int] = rss_kb,
    tally: Tally | None = None,
) -> dict[str, Any]:
    """Runs `at_once` endless conversations and counts for `seconds`.

    `cpu` and `memory` are those of the process that is measured, this one where nothing is said.
    """
    tally = tally or Tally()
    gc.collect()
    before = memory()
    lateness: list[float] = []

    async def endless(at: int) -> None:
        await asyncio.sleep(given.spread * at / given.at_once)
        await talk(tally, 1 + at % TURNS)
        while True:
            await talk(tally, TURNS)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(endless(at)) for at in range(given.at_once)]
        tasks.append(group.create_task(_lateness(lateness)))
        await asyncio.sleep(given.spread)
        await _all_talk(tally, given.at_once)
        await asyncio.sleep(given.warm)
        profiler = _profiler(given.profile)
        turns, events, spent, began = tally.turns, tally.events, cpu(), time.monotonic()
        tally.lags.clear()
        lateness.clear()
        await asyncio.sleep(given.seconds)
        took, used = time.monotonic() - began, cpu() - spent
        turns, events = tally.turns - turns, tally.events - events
        after = memory()
        if profiler:
            profiler.disable()
            profiler.dump_stats(given.profile)
        for task in tasks:
            task.cancel()
    return {
        "turns": turns,
        "events": events,
        "seconds": round(took, 3),
        "cpu_ms_per_turn": round(used * 1000 / max(turns, 1), 3),
        "turns_per_s": round(turns / took, 2),
        "cpu_share": round(used / took, 3),
        "lag_ms": round(statistics.median(tally.lags) * 1000, 2) if tally.lags else None,
        "loop_late_ms": round(statistics.median(lateness) * 1000, 2) if lateness else None,
        "kb_per_conversation": round((after - before) / given.at_once, 1),
        "rss_kb": after,
    }


async def _all_talk(tally: Tally, at_once: int) -> None:
    """Returns when there were as many turns as there are conversations; at the latest in 20 s."""
    for _ in range(200):
        if tally.turns >= at_once:
            return
        await asyncio.sleep(0.1)


async def _lateness(seen: list[float]) -> None:
    """How late the loop comes to a timer: what a token waits besides its own work."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + 0.05
        await asyncio.sleep(0.05)
        seen.append(clock() - due)


def _profiler(path: str) -> Any:
    if not path:
        return None
    import cProfile

    profiler = cProfile.Profile()
    profiler.enable()
    return profiler


def tell(facts: dict[str, Any]) -> None:
    """One line of JSON; the process then ends without ceremony, as its load did."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    os._exit(0)


def raise_file_limit(count: int) -> None:
    """A connection is a file: as many as the system allows, at least `count`."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, min(hard, 65536)), hard))

"""`python -m bench`: the figures that Duologue promises, beside the bare loop and two rivals.

All in one run on one machine, in turn, so that ratios mean something where times do not.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import (
    checks,
    evaluation,
    experiments,
    followers,
    guard,
    knowledge,
    page,
    rivals,
    startup,
    storage,
)
from bench.charts import draw
from bench.load import raise_file_limit
from bench.processes import ROOT, Mocks, mocks, service, system
from bench.report import Report

FIRST_MS, TOKEN_MS, TOKENS = 200, 20, 20
TURN_S = (FIRST_MS + (TOKENS - 1) * TOKEN_MS + FIRST_MS) / 1000
PRODUCT, SERVICE, BARE = "duologue", "duologue, HTTP", "aiohttp loop, bare"
NAMES = {
    "bare": BARE,
    "product": PRODUCT,
    "service": SERVICE,
    "openevals": "openevals",
    "natural": "LangGraph, the natural way",
}
OURS = ["bare", "product", "service"]
CPU = "CPU a turn, 10 at once"


class Bench:
    """One run of everything. `quick` takes fewer and shorter rounds, and fewer rivals."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.report = Report()
        self._folder = folder
        self._quick = quick
        self._count = 0
        self._rivals = rivals.environment()

    def room(self) -> Path:
        self._count += 1
        made = self._folder / str(self._count)
        made.mkdir()
        return made

    @property
    def theirs(self) -> list[str]:
        return ["openevals", "natural"] if self._rivals else []

    def measure(self, name: str, mocked: Mocks, **given: Any) -> dict[str, Any]:
        """One round of one system; empty where it failed."""
        if name == "service":
            with service(self.room(), mocked.llm.url, mocked.robot.url) as server:
                more = f"{server.url},{server.pid}"
                return system(name, mocked, more=more, **given) or {}
        python = {"python": self._rivals} if name in self.theirs and self._rivals else {}
        return system(name, mocked, **python, **given) or {}

    def rounds(self, names: list[str], mocked: Mocks, count: int, **given: Any) -> dict[str, Any]:
        """Systems take turns, so that a slow minute of the machine is nobody's fault alone."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(count):
            for name in names:
                found[name].append(self.measure(name, mocked, **given))
        return found

    # --- rows -----------------------------------------------------------------------------------

    def cpu(self) -> None:
        count, seconds = (1, 2) if self._quick else (4, 3)
        names = [*OURS, *self.theirs]
        with mocks(0, 0) as mocked:
            found = self.rounds(names, mocked, count, at_once=10, warm=1, seconds=seconds)
        goals = {"product": 4.0}
        for name, rounds in found.items():
            values = [one.get("cpu_ms_per_turn") for one in rounds]
            self.report.add(CPU, NAMES[name], "ms", values, goal=goals.get(name))
        for name in ("bare", "openevals", "natural"):
            pairs = zip(found["product"], found.get(name, []), strict=False)
            ratios = [_ratio(ours, theirs, "cpu_ms_per_turn") for ours, theirs in pairs]
            goal = 0.7 if name == "openevals" else None
            self.report.add(f"{CPU}, ratio", f"duologue / {NAMES[name]}", "×", ratios, goal=goal)

    def throughput(self, at_once: int) -> None:
        ideal = at_once / TURN_S
        count = 1 if self._quick else 2
        # A thousand do not begin within the same second.
        given = {"at_once": at_once, "spread": max(TURN_S, at_once / 250)}
        given |= {"warm": 1 if self._quick else 3, "seconds": 3 if self._quick else 8}
        goals = {
            ("product", 100): 0.9 * ideal,
            ("service", 100): 0.85 * ideal,
            ("product", 1000): 300,
            ("service", 1000): 200,
        }
        with mocks(FIRST_MS, TOKEN_MS) as mocked:
            found = self.rounds(OURS, mocked, count, **given)
            if not self._quick:
                # A pool that collapses takes a while to get anywhere.
                found |= self.rounds(self.theirs, mocked, 1, **{**given, "warm": 8})
        for name, rounds in found.items():
            values = [one.get("turns_per_s") for one in rounds]
            shares = [value / ideal for value in values if value]
            note = f"{100 * statistics.median(shares):.0f} % of ideal" if shares else ""
            goal = goals.get((name, at_once))
            row = f"turns/s, {at_once} at once"
            self.report.add(row, NAMES[name], "/s", values, goal=goal, at_least=True, note=note)
        if at_once >= 1000:
            self.weights(found, at_once)

    def weights(self, found: dict[str, Any], at_once: int) -> None:
        """What a live conversation weighs and costs among that many."""
        for name, rounds in found.items():
            goal = 100 if name == "product" else None
            weights = [one.get("kb_per_conversation") for one in rounds]
            row = f"memory a live conversation, of {at_once}"
            self.report.add(row, NAMES[name], "kB", weights, goal=goal)
        for name, rounds in found.items():
            cost = [one.get("cpu_ms_per_turn") for one in rounds]
            self.report.add(f"CPU a turn, {at_once} at once", NAMES[name], "ms", cost)
        for name, rounds in found.items():
            # What a core could do that nobody else uses: on a shared machine the steadier figure.
            able = [1000 / one["cpu_ms_per_turn"] for one in rounds if one.get("cpu_ms_per_turn")]
            self.report.add(f"turns a CPU second, {at_once} at once", NAMES[name], "", able)

    def measure_followers(self) -> None:
        count, turns = 200, 3 if self._quick else 5
        with mocks(FIRST_MS, TOKEN_MS) as mocked:
            first = asyncio.run(
                followers.first_token(self.room(), mocked.robot.url, 20, 3 if self._quick else 8)
            )
            with service(self.room(), mocked.llm.url, mocked.robot.url) as server:
                told = asyncio.run(followers.measure_delivery(server, count, turns))
            with service(self.room(), mocked.llm.url, mocked.robot.url) as server:
                ended = asyncio.run(followers.measure_stop(server, 100))
        note = f"p95 {first['p95_ms']} ms, {first['count']} lines"
        row = "first token relayed, 20 at once"
        self.report.add(row, SERVICE, "ms", [first["median_ms"]], goal=5, note=note)
        row = "200 conversations, 200 followers: told everything"
        note = f"+{told['rss_more_mb']} MB"
        complete = [told["complete"]]
        self.report.add(row, SERVICE, "", complete, goal=count, at_least=True, note=note)
        row = "SIGTERM with 100 open streams: seconds"
        note = f"exit code {ended['exit_code']}, {ended['torn']} torn"
        self.report.add(row, SERVICE, "s", [ended["seconds"]], goal=10, note=note)
        faults = [float(ended["torn"] + abs(ended["exit_code"]))]
        row = "SIGTERM with 100 open streams: torn streams, exit code"
        self.report.add(row, SERVICE, "", faults, goal=0)

    def measure_storage(self) -> None:
        long, many = (200, 2000) if self._quick else (1000, 10_000)
        with mocks(0, 0) as mocked:
            short = asyncio.run(storage.bytes_a_turn(self.room(), mocked, 20, 50))
            self.report.add("database bytes a turn, 50 turns", PRODUCT, "B", [short], goal=6000)
            room = self.room()
            weight = asyncio.run(storage.bytes_a_turn(room, mocked, 1, long))
            row = f"database bytes a turn, {long} turns"
            self.report.add(row, PRODUCT, "B", [weight], goal=1.6 * short, note="1.6 × of 50 turns")
            opened = asyncio.run(storage.opening(room, mocked, 1 if self._quick else 3))
            row = f"opening a conversation of {long} turns"
            self.report.add(row, PRODUCT, "ms", opened["engine_ms"], goal=100)
            self.report.add(row, SERVICE, "ms", opened["http_ms"], goal=100)
            listed = asyncio.run(storage.listing(self.room(), mocked, many))
            row = f"first page of {many:,} conversations"
            self.report.add(row, PRODUCT, "ms", listed["engine_ms"], goal=20)
            self.report.add(row, SERVICE, "ms", listed["http_ms"], goal=20)

    def measure_starts(self) -> None:
        count = 2 if self._quick else 5
        self.report.add("python -c pass", "Python", "s", startup.bare_python_s(count))
        self.report.add("duologue --help", PRODUCT, "s", startup.help_s(count), goal=0.4)
        self.report.add("engine import", PRODUCT, "s", startup.engine_import_s(count), goal=1.5)
        times = startup.make_run_s(self.room(), 1 if self._quick else 3)
        self.report.add("make run: ready, warm", PRODUCT, "s", times, goal=5)

    def measure_evaluation(self) -> None:
        rounds = 3 if self._quick else 7
        times = evaluation.figures_ms(rounds)
        self.report.add("figures of 10,000 trials", PRODUCT, "ms", times, goal=500)
        row = "guard of a simulated line: CPU a turn"
        self.report.add(row, PRODUCT, "ms", guard.guard_ms(rounds), goal=0.2)
        looked_up = knowledge.measure(self.room(), rounds)
        row = "knowledge: 10,000 passages indexed, CPU"
        self.report.add(row, PRODUCT, "s", looked_up["index"], goal=0.5)
        row = "knowledge: a search among 10,000 passages, CPU"
        self.report.add(row, PRODUCT, "ms", looked_up["search"], goal=9.5)
        row = "12 checks on 1,000 talks of 20 turns"
        self.report.add(row, PRODUCT, "s", checks.checks_s(rounds), goal=2)
        row = "opening a suite of 10,000 trials"
        self.report.add(row, PRODUCT, "ms", checks.opening_ms(rounds), goal=100)
        opened = experiments.opening_ms(self.room(), rounds)
        row = "figures of 10,000 trials, out of the database"
        self.report.add(row, PRODUCT, "ms", opened["figures"], goal=500)
        row = "opening an experiment of 10,000 trials"
        self.report.add(row, PRODUCT, "ms", opened["opening"], goal=100)
        page = evaluation.page(rounds)
        note = f"{page['failed']} of 500 failed"
        self.report.add("HTML report of 500 trials", PRODUCT, "s", page["seconds"], goal=2)
        self.report.add(
            "HTML report of 500 trials: size", PRODUCT, "kB", [page["kb"]], goal=1000, note=note
        )

    def suites(self) -> None:
        """What a suite costs beyond the conversations that are its trials."""
        count, rounds = (200, 1) if self._quick else (1000, 3)
        ratios: list[float | None] = []
        with mocks(0, 0) as mocked:
            for _ in range(rounds):
                bare = system("suite", mocked, more=f"bare,{count}") or {}
                suite = system("suite", mocked, more=f"suite,{count}") or {}
                ratios.append(_ratio(suite, bare, "cpu_ms"))
        row = f"CPU of a suite / its conversations, {count:,} of 10 turns"
        self.report.add(row, PRODUCT, "×", ratios, goal=1.15)

    def measure_page(self) -> None:
        """A conversation of three turns a second on a phone, and what it costs the browser."""
        counts = [400] if self._quick else [10, 400, 2000]
        for count, found in page.measure_watching(counts, 5 if self._quick else 10).items():
            name = f"page, {count} messages running"
            self.report.add(f"{name}: main thread", PRODUCT, "%", [found["share"]], goal=15)
            self.report.add(f"{name}: longest task", PRODUCT, "ms", [found["longest_ms"]], goal=100)
            self.report.add(f"{name}: DOM", PRODUCT, "nodes", [found["nodes"]], goal=2000)
        for many in [500] if self._quick else [500, 10_000]:
            found, name = page.measure_list(many), f"list of {many:,} conversations"
            self.report.add(f"{name}: first rows", PRODUCT, "s", [found["seconds"]], goal=1)
            self.report.add(
                f"{name}: DOM, all shown", PRODUCT, "nodes", [found["nodes"]], goal=2000
            )

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A part that breaks is told and leaves the others their figures."""
        print(f"\n{title}", flush=True)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - said, counted as missed, and gone on from
            print(f"{title} broke: {error!r}", file=sys.stderr, flush=True)
            self.report.add(f"{title}: broke", PRODUCT, "", [1.0], goal=0, note=repr(error)[:80])

    def run(self) -> None:
        with self.part("instant answers"):
            self.cpu()
        for at_once in (100, 1000):
            with self.part(f"{at_once} at once, realistic answers"):
                self.throughput(at_once)
        with self.part("followers"):
            self.measure_followers()
        with self.part("storage"):
            self.measure_storage()
        with self.part("evaluation"):
            self.measure_evaluation()
        with self.part("suites"):
            self.suites()
        with self.part("page"):
            self.measure_page()
        with self.part("start-up"):
            self.measure_starts()


def _ratio(ours: dict[str, Any], theirs: dict[str, Any], key: str) -> float | None:
    return ours[key] / theirs[key] if ours.get(key) and theirs.get(key) else None


def main() -> int:
    given = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n", 1)[0])
    given.add_argument("--quick", action="store_true", help="a short round, under two minutes")
    given.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    given.add_argument("--charts", type=Path, help="draw the charts into this folder too")
    options = given.parse_args()
    raise_file_limit(10_000)
    with tempfile.TemporaryDirectory(prefix="duologue-bench-") as folder:
        bench = Bench(Path(folder), quick=options.quick)
        bench.run()
    report = bench.report
    report.write(options.out / "latest.json")
    text = report.table()
    (options.out / "latest.txt").write_text(text + "\n", encoding="utf-8")
    print(
        f"\n{text}\n\n{len(report.rows)} rows in {report.facts()['seconds']} s; see {options.out}"
    )
    if options.charts:
        draw(report.facts(), options.charts)
    missed = [row for row in report.rows if row.holds is False]
    print(f"{len(missed)} goals missed" if missed else "every goal holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())

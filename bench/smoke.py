"""`python -m bench.smoke`: fails where a turn costs twice what it cost when the limit was set.

Ratios to the bare loop in the same run, never absolute times: the machine may be slow, the
product may not.
"""

import statistics
import sys

from bench.processes import mocks, system

ROUNDS = 3
MEASURED = 8.0
"""Duologue's CPU a turn over the bare loop's, 10 at once, with a model-played user."""
LIMIT = 2 * MEASURED


def measure_ratio() -> float:
    """CPU a turn over the bare loop's: the median of rounds taken in turn."""
    ratios = []
    with mocks(0, 0) as mocked:
        for _ in range(ROUNDS):
            bare, ours = (
                system(name, mocked, at_once=10, warm=1, seconds=2) for name in ("bare", "product")
            )
            if not (bare and ours):
                raise RuntimeError("a system under measurement failed; see above")
            ratios.append(ours["cpu_ms_per_turn"] / bare["cpu_ms_per_turn"])
    return statistics.median(ratios)


def main() -> int:
    ratio = measure_ratio()
    print(
        f"CPU a turn, 10 at once: {ratio:.1f} × the bare loop (measured {MEASURED}, limit {LIMIT})"
    )
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

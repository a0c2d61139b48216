"""The search for the fewest lines that still fail: delta debugging, also where a bot fails only now
and then. Pure: a generator that asks which of some candidates fail, and is told.

After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002).
"""

import itertools
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from evaluation.figures.rates import wilson_interval

T = TypeVar("T")
Lines = tuple[str, ...]
"""What the user says, line by line."""

FIRST_TRIES = 3
MOST_FIRST_TRIES = 10
SURE_TRIES = 4
MOST_TRIES = 40
MISSED = 0.01
"""So often a candidate that fails at the measured rate may be taken for one that passes."""
CAUTION = 0.8
"""How sure it is that the rate is no lower than what tries are planned with."""


class Question(NamedTuple):
    """Which is the first of the candidates that fails? Each passes only if it does so in all
    `tries`. The answer is its place, or None.
    """

    candidates: Sequence[Lines]
    tries: int


class Measurement(NamedTuple):
    """How often do these lines fail in so many tries? The answer is a number."""

    lines: Lines
    tries: int


Step = Question | Measurement
Search = Generator[Step, int | None, T]


@dataclass(frozen=True, slots=True)
class Shortest:
    """What was found: the lines, where they stood, and how often all lines failed in `measured`
    tries. Without `lines` the failure was not seen again.
    """

    lines: Lines
    places: tuple[int, ...]
    failed: int
    measured: int


def search(lines: Lines, *, words: bool = True) -> Search[Shortest]:
    """The fewest of the lines that still fail, then, with `words`, the fewest words in each.

    No line of the result can be left out; nor can, where the bot is deterministic, a word.
    """
    failed, measured = yield from _measure(lines)
    if not failed:
        return Shortest((), (), failed, measured)
    tries = plan_tries(failed, measured)
    places = yield from _minimize(
        tuple(range(len(lines))), lambda kept: tuple(lines[place] for place in kept), tries
    )
    found = tuple(lines[place] for place in places)
    if words:
        for nth in range(len(found)):
            found = yield from _shorten_line(found, nth, tries)
    return Shortest(found, places, failed, measured)


def _measure(lines: Lines) -> Search[tuple[int, int]]:
    """How often all lines fail; a bot that once passed is asked more often."""
    failed = (yield Measurement(lines, FIRST_TRIES)) or 0
    if failed == FIRST_TRIES:
        return failed, FIRST_TRIES
    return (yield Measurement(lines, MOST_FIRST_TRIES)) or 0, MOST_FIRST_TRIES


def plan_tries(failed: int, measured: int) -> int:
    """How often a candidate must pass until it is taken for one that does not fail."""
    if failed == measured:
        return 1
    low, _ = wilson_interval(failed / measured, measured, CAUTION)
    return min(MOST_TRIES, math.ceil(math.log(MISSED) / math.log1p(-low)))


def _minimize(
    parts: tuple[int, ...], write: Callable[[tuple[int, ...]], Lines], tries: int
) -> Search[tuple[int, ...]]:
    """The parts without which nothing fails: `ddmin`, and then each part is tried once more, since
    a bot that failed three times of three need not be deterministic.
    """
    parts = yield from _ddmin(parts, write, tries)
    while len(parts) > 1:
        rest = [_without(parts, (part,)) for part in parts]
        place = yield Question([write(one) for one in rest], max(tries, SURE_TRIES))
        if place is None:
            break
        parts = rest[place]
    return parts


def _ddmin(
    parts: tuple[int, ...], write: Callable[[tuple[int, ...]], Lines], tries: int
) -> Search[tuple[int, ...]]:
    count = 2
    while len(parts) > 1:
        chunks = _split(parts, count)
        rests = [_without(parts, chunk) for chunk in chunks] if count > 2 else []
        options = [*chunks, *rests]
        place = yield Question([write(one) for one in options], tries)
        if place is not None:
            parts = options[place]
            count = 2 if place < len(chunks) else max(count - 1, 2)
        elif count < len(parts):
            count = min(2 * count, len(parts))
        else:
            break
        count = min(count, len(parts))
    return parts


def _shorten_line(lines: Lines, nth: int, tries: int) -> Search[Lines]:
    """The lines with the fewest words in the nth."""
    words = lines[nth].split()

    def write(kept: tuple[int, ...]) -> Lines:
        line = " ".join(words[place] for place in kept)
        return (*lines[:nth], line, *lines[nth + 1 :])

    kept = yield from _ddmin(tuple(range(len(words))), write, tries)
    return lines if len(kept) == len(words) else write(kept)


def _split(parts: tuple[int, ...], count: int) -> list[tuple[int, ...]]:
    """So many chunks, as equal as can be."""
    bounds = [len(parts) * nth // count for nth in range(count + 1)]
    return [parts[a:b] for a, b in itertools.pairwise(bounds)]


def _without(parts: tuple[int, ...], chunk: tuple[int, ...]) -> tuple[int, ...]:
    gone = set(chunk)
    return tuple(part for part in parts if part not in gone)


class Effort(NamedTuple):
    """What a search costs: replays, and calls of the bot in them."""

    replays: int
    calls: int


def estimate_effort(count: int) -> tuple[Effort, Effort]:
    """What it takes to shrink so many lines of a deterministic bot: to one line, and to three."""
    return _rehearse(count, {count // 2}), _rehearse(count, {0, count // 2, count - 1})


def _rehearse(count: int, guilty: set[int]) -> Effort:
    """The search against a bot that fails if and only if it hears all of some lines."""
    lines = tuple(map(str, range(count)))
    needed = {str(place) for place in guilty}
    known: dict[Lines, int] = {}
    replays = calls = 0
    steps = search(lines, words=False)
    answer: int | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return Effort(replays, calls)
        some = [step.lines] if isinstance(step, Measurement) else step.candidates
        for candidate in some:
            more = max(0, step.tries - known.get(candidate, 0))
            fails = needed <= {*candidate}
            if isinstance(step, Question) and fails:
                more = min(more, 1)
            known[candidate] = known.get(candidate, 0) + more
            replays, calls = replays + more, calls + more * len(candidate)
            if fails:
                break
        hit = next((n for n, one in enumerate(some) if needed <= {*one}), None)
        answer = step.tries if isinstance(step, Measurement) else hit

"""The search for the fewest lines, against bots with planted faults."""

import random
from collections.abc import Callable, Sequence

import pytest

from evaluation.shrink.search import (
    Lines,
    Measurement,
    Shortest,
    estimate_effort,
    plan_tries,
    search,
)

Hears = Callable[[Lines], bool]
"""Whether the bot's fault is there once it has heard these lines."""


class PlantedBot:
    """A bot with a fault that shows in `rate` of the talks that have it; counts what it takes."""

    def __init__(self, hears: Hears, *, rate: float = 1.0, seed: int = 0) -> None:
        self._hears, self._rate, self._chance = hears, rate, random.Random(seed)
        self.replays = self.calls = 0

    def fails(self, lines: Lines) -> bool:
        self.replays, self.calls = self.replays + 1, self.calls + len(lines)
        return self._hears(lines) and self._chance.random() < self._rate


def shrink(bot: PlantedBot, lines: Sequence[str], *, words: bool = False) -> Shortest:
    """The search, answered as the replays do: what was tried is not tried again."""
    steps, answer = search(tuple(lines), words=words), None
    passed: dict[Lines, int] = {}
    failed: set[Lines] = set()
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as done:
            found: Shortest = done.value
            return found
        if isinstance(step, Measurement):
            answer = sum(bot.fails(step.lines) for _ in range(step.tries))
            continue
        answer = None
        for place, candidate in enumerate(step.candidates):
            while candidate not in failed and passed.get(candidate, 0) < step.tries:
                if bot.fails(candidate):
                    failed.add(candidate)
                else:
                    passed[candidate] = passed.get(candidate, 0) + 1
            if candidate in failed:
                answer = place
                break


def is_minimal(hears: Hears, lines: Lines) -> bool:
    """Whether it has the fault, and no longer without any one of its lines."""
    shorter = [lines[:place] + lines[place + 1 :] for place in range(len(lines))]
    return hears(lines) and not any(one and hears(one) for one in shorter)


def needs(*wanted: str) -> Hears:
    """All of the lines, in any order."""
    return lambda lines: {*wanted} <= {*lines}


def needs_in_order(*wanted: str) -> Hears:
    def hears(lines: Lines) -> bool:
        rest = iter(lines)
        return all(one in rest for one in wanted)

    return hears


def needs_without_reset(reset: str, *wanted: str) -> Hears:
    """All of the lines after the last `reset`, which makes the bot forget."""

    def hears(lines: Lines) -> bool:
        last = max((n for n, one in enumerate(lines) if one == reset), default=-1)
        return {*wanted} <= {*lines[last + 1 :]}

    return hears


def plant(nth: int) -> tuple[list[str], Hears]:
    """The nth talk of 10 to 60 lines, and a fault in it that one to five of its lines make."""
    chance = random.Random(nth)
    lines = [f"line {n}" for n in range(chance.randint(10, 60))]
    places = sorted(chance.sample(range(len(lines)), nth % 5 + 1))
    wanted = [lines[place] for place in places]
    if nth % 3 == 0:
        return lines, needs_in_order(*wanted)
    if nth % 3 == 1:
        lines.insert(chance.randint(0, places[0]), "reset")
        return lines, needs_without_reset("reset", *wanted)
    return lines, needs(*wanted)


@pytest.mark.parametrize("nth", range(50))
def test_no_line_of_what_is_found_can_be_left_out_where_the_bot_is_deterministic(nth: int) -> None:
    lines, hears = plant(nth)
    found = shrink(PlantedBot(hears), lines)
    assert is_minimal(hears, found.lines)
    assert len(found.lines) == nth % 5 + 1
    assert tuple(lines[place] for place in found.places) == found.lines


@pytest.mark.parametrize(("rate", "wanted"), [(0.8, 98), (0.5, 95), (0.4, 95)])
def test_a_bot_that_fails_now_and_then_is_shrunk_as_well(rate: float, wanted: int) -> None:
    minimal = 0
    for nth in range(100):
        lines, hears = plant(nth)
        found = shrink(PlantedBot(hears, rate=rate, seed=nth), lines)
        minimal += is_minimal(hears, found.lines)
    assert minimal >= wanted


def test_a_fault_that_shows_in_a_third_of_the_talks_is_mostly_shrunk() -> None:
    minimal = 0
    for nth in range(100):
        lines, hears = plant(nth)
        found = shrink(PlantedBot(hears, rate=1 / 3, seed=nth), lines)
        minimal += bool(found.lines) and is_minimal(hears, found.lines)
    assert minimal >= 90


def test_a_fault_that_is_not_seen_again_is_not_shrunk() -> None:
    bot = PlantedBot(lambda _: False)
    found = shrink(bot, ["a", "b"])
    assert (found.lines, found.failed, found.measured) == ((), 0, 10)


def test_words_that_are_not_needed_go_too() -> None:
    lines = ["xin chào bạn", "mình nghĩ là banana nhỉ", "ừ"]
    found = shrink(PlantedBot(lambda said: any("banana" in one for one in said)), lines, words=True)
    assert (found.lines, found.places) == (("banana",), (1,))


def test_the_effort_is_estimated_by_a_rehearsal_and_is_met() -> None:
    low, high = estimate_effort(40)
    lines = [str(n) for n in range(40)]
    bot = PlantedBot(needs("20"))
    shrink(bot, lines)
    assert (bot.replays, bot.calls) == low
    bot = PlantedBot(needs("0", "20", "39"))
    shrink(bot, lines)
    assert (bot.replays, bot.calls) == high


@pytest.mark.parametrize(("failed", "measured", "tries"), [(3, 3, 1), (10, 10, 1)])
def test_a_bot_that_always_fails_is_asked_once(failed: int, measured: int, tries: int) -> None:
    assert plan_tries(failed, measured) == tries


def test_the_rarer_a_fault_the_more_tries_and_never_without_end() -> None:
    planned = [plan_tries(failed, 10) for failed in range(9, 0, -1)]
    assert planned == sorted(planned)
    assert planned[0] >= 2
    assert planned[-1] == 40

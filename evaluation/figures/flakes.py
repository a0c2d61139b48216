"""The flake atlas: where the repeats of a cell begin to differ."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Remark(NamedTuple):
    turn: int
    role: str
    text: str


class Repeat(NamedTuple):
    """One repeat of a cell: whether it passed, and what was said."""

    passed: bool
    lines: Sequence[Remark]


class Branch(NamedTuple):
    """Repeats that say the same where others say something else; None: they had ended."""

    text: str | None
    repeats: list[int]
    passed: int
    failed: int


class Fork(NamedTuple):
    """The first line at which repeats part, and the first turn from which they are told apart.

    From turn `separates_at` on no repeat that passed has the words of one that failed; None where
    two with the same words were judged differently.
    """

    turn: int
    role: str
    branches: list[Branch]
    separates_at: int | None


def find_fork(repeats: Mapping[int, Repeat]) -> Fork | None:
    """Where these repeats part; None where all say the same. Spelling of white space is ignored."""
    folded = {number: [_fold(line) for line in repeats[number].lines] for number in repeats}
    place = _first_difference(list(folded.values()))
    if place is None:
        return None
    longest = max((repeat.lines for repeat in repeats.values()), key=len)
    there = longest[place]
    branches = _branches(repeats, folded, place)
    return Fork(there.turn, there.role, branches, _separation(repeats, folded))


def _fold(line: Remark) -> tuple[str, str]:
    return line.role, " ".join(unicodedata.normalize("NFC", line.text).split())


def _first_difference(folded: Sequence[Sequence[tuple[str, str]]]) -> int | None:
    longest = max((len(lines) for lines in folded), default=0)
    for place in range(longest):
        if len({_at(lines, place) for lines in folded}) > 1:
            return place
    return None


def _at(lines: Sequence[tuple[str, str]], place: int) -> tuple[str, str] | None:
    return lines[place] if place < len(lines) else None


def _branches(
    repeats: Mapping[int, Repeat],
    folded: Mapping[int, Sequence[tuple[str, str]]],
    place: int,
) -> list[Branch]:
    groups: dict[tuple[str, str] | None, list[int]] = {}
    for number in sorted(repeats):
        groups.setdefault(_at(folded[number], place), []).append(number)
    return sorted(
        (_branch(repeats, numbers, place) for numbers in groups.values()),
        key=lambda branch: (-len(branch.repeats), branch.repeats),
    )


def _branch(repeats: Mapping[int, Repeat], numbers: list[int], place: int) -> Branch:
    lines = repeats[numbers[0]].lines
    text = lines[place].text if place < len(lines) else None
    passed = sum(repeats[number].passed for number in numbers)
    return Branch(text, numbers, passed, len(numbers) - passed)


def _separation(
    repeats: Mapping[int, Repeat], folded: Mapping[int, Sequence[tuple[str, str]]]
) -> int | None:
    """The turn of the last line that a passing and a failing repeat still share, and one more."""
    longest = max(repeats.values(), key=lambda repeat: len(repeat.lines)).lines
    for place in range(len(longest)):
        passing = {tuple(folded[n][: place + 1]) for n in repeats if repeats[n].passed}
        failing = {tuple(folded[n][: place + 1]) for n in repeats if not repeats[n].passed}
        if not passing & failing:
            return longest[place].turn
    return None

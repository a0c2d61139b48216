"""How far simulated conversations lie from real ones."""

import random

import pytest

from evaluation.figures.distance import energy_distance, measure_distance

TALKS = 20
ROUNDS = 60


def draw(source: random.Random, shift: float = 0.0) -> list[list[float]]:
    """Talks with three features: turns, words a line, and the share of one-word answers."""
    return [
        [source.gauss(8, 3), source.gauss(6 + shift * 2, 2), min(1.0, source.random() / 2)]
        for _ in range(TALKS)
    ]


def test_two_halves_of_one_group_are_rarely_told_apart() -> None:
    source = random.Random(1)
    found = [
        measure_distance(draw(source), draw(source), shuffles=99).p_value <= 0.05
        for _ in range(ROUNDS)
    ]
    assert sum(found) / ROUNDS <= 0.1


def test_a_shift_of_two_deviations_in_one_of_three_features_is_found_and_named() -> None:
    source = random.Random(2)
    found = [measure_distance(draw(source), draw(source, 2), shuffles=99) for _ in range(20)]
    assert sum(one.p_value <= 0.05 for one in found) >= 18
    assert sum(max(one.parts) == one.parts[1] for one in found) >= 18


def test_units_do_not_matter_and_a_constant_weighs_nothing() -> None:
    source = random.Random(3)
    one, other = draw(source), draw(source, 0.5)
    plain = measure_distance(one, other, shuffles=49)
    scaled = [[[1000 * a, b, c, 7.0] for a, b, c in group] for group in (one, other)]
    found = measure_distance(*scaled, shuffles=49)
    assert found.value == pytest.approx(plain.value)
    assert found.p_value == plain.p_value
    assert found.parts[3] == 0


def test_a_group_has_no_distance_to_itself() -> None:
    assert energy_distance([1, 2, 3], [1, 2, 3]) == 0
    assert energy_distance([1, 1], [1, 1]) == 0
    with pytest.raises(ValueError, match="at least two"):
        measure_distance([[1.0]], [[1.0], [2.0]])

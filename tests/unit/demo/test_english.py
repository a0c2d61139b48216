import unicodedata

import pytest

from demo.english import (
    Grade,
    judge_answer,
    judge_meaning,
    judge_sentence,
    judge_word,
    missing,
    other_word,
    tokens,
)
from demo.units import DRINKS, FAMILY, UNITS, WORDS, Unit

TEA = "I would like some tea, please."


@pytest.mark.parametrize(
    ("english", "line", "verdict"),
    [
        ("milk", "milk", Grade.RIGHT),
        ("milk", "MILK!!", Grade.RIGHT),
        ("milk", "Dạ, mình nghĩ là “milk” ạ.", Grade.RIGHT),
        ("milk", "mik", Grade.CLOSE),
        ("juice", "juce", Grade.CLOSE),
        ("apple", "aple", Grade.CLOSE),
        ("milk", "sữa", Grade.WRONG),
        ("milk", "", Grade.WRONG),
        ("milk", "🙂", Grade.WRONG),
        ("tea", "te", Grade.WRONG),
        ("mother", "father", Grade.WRONG),
        ("orange", "oranch", Grade.WRONG),
    ],
)
def test_a_word_is_found_in_what_the_learner_wrote(english: str, line: str, verdict: Grade) -> None:
    assert judge_word(WORDS[english], line) is verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("i would like some tea please", Grade.RIGHT),
        ("I’d like some tea, please!", Grade.RIGHT),
        ("Để mình thử nhé: I would like some tea, please. Đúng chưa?", Grade.RIGHT),
        ("I would like some tea", Grade.CLOSE),
        ("I woud like some tea, plese", Grade.CLOSE),
        ("I like some tea, please", Grade.WRONG),
        ("tea some like would I please", Grade.WRONG),
        ("tea", Grade.WRONG),
    ],
)
def test_a_sentence_wants_every_word_in_order(line: str, verdict: Grade) -> None:
    assert judge_sentence(TEA, line) is verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("I would like some coffee.", Grade.RIGHT),
        ("I'd like some milk, please", Grade.RIGHT),
        ("I would like some", Grade.WRONG),
        ("I would like some, please", Grade.WRONG),
        ("milk", Grade.WRONG),
    ],
)
def test_in_a_scene_any_ending_will_do(line: str, verdict: Grade) -> None:
    assert judge_answer(DRINKS, line) is verdict


@pytest.mark.parametrize(
    ("english", "line", "verdict"),
    [
        ("juice", "Nước ép!", Grade.RIGHT),
        ("juice", unicodedata.normalize("NFD", "là nước ép ạ"), Grade.RIGHT),
        ("apple", "trái táo", Grade.RIGHT),
        ("tea", "chè", Grade.RIGHT),
        ("juice", "nuoc ep", Grade.CLOSE),
        ("milk", "sửa", Grade.WRONG),
        ("milk", "milk", Grade.WRONG),
        ("father", "bố mẹ mình", Grade.RIGHT),
    ],
)
def test_a_meaning_may_be_southern_or_unmarked(english: str, line: str, verdict: Grade) -> None:
    assert judge_meaning(WORDS[english], line) is verdict


def test_missing_words_are_named_in_order() -> None:
    assert missing(tokens(FAMILY.sentence), tokens("This my sistor")) == ["is"]
    assert missing(tokens(TEA), tokens("I like tea")) == ["would", "some", "please"]


def test_another_word_of_the_lessons_is_recognised() -> None:
    said = other_word("tea", "là milk hả?")
    assert said is not None
    assert said.vi == "sữa"
    assert other_word("tea", "tea") is None


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.topic)
def test_every_unit_takes_its_own_answers(unit: Unit) -> None:
    assert judge_sentence(unit.sentence, unit.sentence) is Grade.RIGHT
    assert judge_answer(unit, unit.example()) is Grade.RIGHT
    assert unit.example() != unit.sentence
    assert unit.sentence.startswith(unit.frame.removesuffix(" …"))


def test_no_unit_word_passes_for_another() -> None:
    for english, word in WORDS.items():
        wrong = [other for other in WORDS if other != english]
        assert all(judge_word(word, other) is Grade.WRONG for other in wrong)
    assert len(WORDS) == 3 * len(UNITS)

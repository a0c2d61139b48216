from collections import Counter
from pathlib import Path

import pytest

from core.language import count_words, detect_language, is_toneless

LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("language_lines.tsv").read_text("utf-8").splitlines()
]


def kind(text: str) -> str:
    return "toneless" if is_toneless(text) else str(detect_language(text))


def test_at_least_95_of_100_held_out_lines_of_each_kind_are_told_right() -> None:
    asked = Counter(expected for expected, _ in LINES)
    right = Counter(expected for expected, line in LINES if kind(line) == expected)
    assert sum(asked.values()) >= 200
    assert {name for name in asked if right[name] < 0.95 * asked[name]} == set()


def test_a_word_that_both_languages_know_takes_the_language_of_its_neighbours() -> None:
    assert count_words("toi can mua cai nay").en == 0
    assert count_words("you can buy this one").vi == 0


def test_a_word_with_vietnamese_marks_is_evidence_alone() -> None:
    assert detect_language("Được.") == "vi"


@pytest.mark.parametrize("line", ["café", "Señor Müller", "résumé"])
def test_accents_of_other_languages_are_not_vietnamese(line: str) -> None:
    assert count_words(line).vi == 0


@pytest.mark.parametrize(
    "line", ["https://a.example/toi-khong-biet", "{{toi}} {{ban}}", "toi@ban.vn", "B-A-N C-O-N"]
)
def test_addresses_templates_and_spelled_words_are_no_evidence(line: str) -> None:
    assert detect_language(line) == "unknown"
    assert count_words(line).total == 0


def test_decomposed_text_reads_as_composed_text_does() -> None:
    import unicodedata

    line = "Mình không hiểu câu này"
    assert count_words(unicodedata.normalize("NFD", line)) == count_words(line)


def test_words_in_another_script_count_but_name_no_language() -> None:
    assert count_words("Привет, как дела?").other == 3
    assert detect_language("Привет, как дела?") == "unknown"
    assert count_words("Привет, как дела?").share("vi") == 0.0


def test_a_share_needs_evidence() -> None:
    assert count_words("12:30 👍 ok").share("vi") is None
    assert count_words("Chào bạn, thank you very much").share("vi") == pytest.approx(2 / 6)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["{" * 200_000, "a@" * 100_000, "a-" * 100_000, "ă" * 200_000])
def test_hostile_text_takes_no_time(text: str) -> None:
    count_words(text)

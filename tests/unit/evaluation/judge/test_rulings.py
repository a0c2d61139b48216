"""An answer is read strictly and its quotes are looked up."""

import json
import unicodedata
from typing import Any

import pytest

from evaluation.criteria import Criterion
from evaluation.judge.rulings import (
    InvalidRuling,
    decide_status,
    read_ruling,
    schema_of,
    verify_quotes,
)
from tests.unit.evaluation.talks import talk

KIND = Criterion(id="kind", ask="Is it kind?")
PATIENT = Criterion(id="patient", ask="How patient?", scale=(1, 5), pass_at=4)
SAID = talk("U: a", "B: Nước ép\n nghĩa là “juice”.").messages


def answer(*quotes: tuple[int, str], **decided: Any) -> str:
    evidence = [{"message": index, "quote": quote} for index, quote in quotes]
    return json.dumps({"requirement": "r", "reasoning": "s", "evidence": evidence, **decided})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PASS",
        "null",
        "[]",
        "{}",
        answer(),
        answer(status="PASS"),
        answer(status="maybe"),
        answer(status=None),
        answer(score=4),
        answer(status="pass")[:-1],
        answer(status="pass") + "so it passes",
        "[" * 100_000,
        json.dumps({"status": "pass"}),
        '{"requirement": 1, "reasoning": "", "evidence": [], "status": "pass"}',
        '{"requirement": "", "reasoning": "", "evidence": ["juice"], "status": "pass"}',
    ],
)
def test_what_cannot_be_read_is_no_verdict(text: str) -> None:
    with pytest.raises(InvalidRuling):
        read_ruling(text, KIND)


@pytest.mark.parametrize("score", [0, 6, -1, "4", 4.5, True])
def test_a_score_off_the_scale_is_no_verdict(score: Any) -> None:
    with pytest.raises(InvalidRuling):
        read_ruling(answer(score=score), PATIENT)


@pytest.mark.parametrize(
    ("score", "status"),
    [(1, "fail"), (3, "fail"), (4, "pass"), (5, "pass"), (None, "inconclusive")],
)
def test_a_score_passes_from_pass_at_on(score: int | None, status: str) -> None:
    assert decide_status(read_ruling(answer(score=score), PATIENT), PATIENT) == status


def test_a_markdown_fence_is_taken_off_and_more_than_that_is_not() -> None:
    text = answer(status="fail")
    assert read_ruling(f"```json\n{text}\n```", KIND).evidence == []
    with pytest.raises(InvalidRuling):
        read_ruling(f"Here you are:\n```json\n{text}\n```", KIND)


@pytest.mark.parametrize(
    "quote",
    ["Nước ép nghĩa là", unicodedata.normalize("NFD", "Nước ép"), "ép\n\n  nghĩa", "“juice”"],
)
def test_a_quote_is_found_after_nfc_and_white_space_folding(quote: str) -> None:
    ruling = read_ruling(answer((1, quote), status="pass"), KIND)
    assert verify_quotes(ruling, KIND, SAID)[0].message == 1


@pytest.mark.parametrize(
    ("index", "quote"),
    [
        (1, "nước ép nghĩa"),
        (1, "Nuoc ep"),
        (1, "Nước ép … juice"),
        (1, "Well done"),
        (0, "juice"),
        (2, "juice"),
        (-1, "juice"),
        (1, ""),
        (1, " "),
        (1, "“"),
    ],
)
def test_a_quote_that_is_not_in_its_message_is_refused(index: int, quote: str) -> None:
    ruling = read_ruling(answer((1, "juice"), (index, quote), status="pass"), KIND)
    with pytest.raises(InvalidRuling):
        verify_quotes(ruling, KIND, SAID)


def test_a_pass_needs_a_quote_and_what_is_missing_cannot_be_quoted() -> None:
    with pytest.raises(InvalidRuling, match="no quote"):
        verify_quotes(read_ruling(answer(status="pass"), KIND), KIND, SAID)
    assert verify_quotes(read_ruling(answer(status="fail"), KIND), KIND, SAID) == []
    with pytest.raises(InvalidRuling, match="no quote"):
        verify_quotes(read_ruling(answer(score=2), PATIENT), PATIENT, SAID)
    assert verify_quotes(read_ruling(answer(score=1), PATIENT), PATIENT, SAID) == []


@pytest.mark.parametrize("criterion", [KIND, PATIENT])
def test_the_schema_is_strict_as_structured_output_wants_it(criterion: Criterion) -> None:
    schema = schema_of(criterion)
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert list(schema["properties"])[:2] == ["requirement", "reasoning"]  # before the verdict


def test_text_that_cannot_be_stored_is_cleaned() -> None:
    text = answer((1, "juice"), status="pass").replace('"s"', '"\\ud800"')
    assert read_ruling(text, KIND).reasoning == "\ufffd"


@pytest.mark.parametrize("quote", [(1, "n"), (1, "à"), (0, "a"), (0, "alone")])
def test_one_letter_or_the_user_s_own_words_prove_nothing_of_the_bot(
    quote: tuple[int, str],
) -> None:
    said = talk("U: a", "B: Nước ép\n nghĩa là “juice”.").messages
    with pytest.raises(InvalidRuling):
        verify_quotes(read_ruling(answer(quote, status="pass"), KIND), KIND, said)


def test_a_whole_short_message_of_the_bot_is_a_quote() -> None:
    said = talk("U: a", "B: À.").messages
    ruling = read_ruling(answer((1, "À."), status="pass"), KIND)
    assert verify_quotes(ruling, KIND, said)[0].quote == "À."

"""`bot_offers` looks at what replies hold besides text, and cannot pass on text alone."""

from typing import Any

import pytest

from evaluation.transcripts import Transcript
from tests.unit.evaluation.talks import status, talk, verdict


def shop() -> Transcript:
    said = talk("G: Chào", "U: áo", "B: Chọn size M nhé", "B: ", "U: Size M", "B: Xong")
    said.messages[2]["parts"] = [{"kind": "button", "title": "Size M", "value": "/m"}]
    said.messages[3]["parts"] = [{"kind": "image", "title": "Áo", "url": "https://x/ao.png"}]
    return said


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bot_offers": "size m"}, "pass"),
        ({"bot_offers": "Size M", "part": "button", "turn": 1}, "pass"),
        ({"bot_offers": "Size M", "part": "quick_reply"}, "fail"),
        ({"bot_offers": "Size M", "turn": 2}, "fail"),
        ({"bot_offers": {"re": r"ao\.png$"}, "part": "image"}, "pass"),
        ({"bot_offers": "ao", "tones": "ignore", "part": "image"}, "pass"),
        ({"bot_offers": "Chọn"}, "fail"),
        ({"bot_offers": "Size M", "where": "every"}, "fail"),
        ({"bot_offers": "Size M", "turn": 7}, "inconclusive"),
        ({"user_says": "Size M"}, "pass"),
        ({"no_leftovers": "bot"}, "pass"),
    ],
)
def test_titles_and_urls_are_looked_at(fields: dict[str, Any], expected: str) -> None:
    assert status(shop(), **fields) == expected


def test_the_evidence_is_the_bubble_that_has_the_part() -> None:
    (found,) = verdict(shop(), bot_offers="Áo", part="image").evidence
    assert (found.message, found.quote) == (3, "[image: Áo – https://x/ao.png]")


def test_a_message_of_nothing_is_still_an_empty_line() -> None:
    said = talk("U: a", "B: ")
    assert status(said, no_leftovers="bot") == "fail"

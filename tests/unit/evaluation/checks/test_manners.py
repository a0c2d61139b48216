from typing import Any

import pytest

from evaluation.checks.manners import find_leftover
from tests.unit.evaluation.talks import status, talk, verdict

LESSON = talk(
    "G: Chào bạn, hôm nay mình học gọi đồ uống.",
    "U: sẵn sàng",
    "B: Can you say it again, please?",
    "U: juice",
    "B: 👍 12",
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bot_language": {"vi": 0.5}}, "pass"),
        ({"bot_language": {"vi": 0.8}}, "fail"),
        ({"bot_language": {"en": {"at_most": 0.5}}}, "pass"),
        ({"bot_language": {"vi": 0.8}, "where": "first"}, "pass"),
        ({"bot_language": {"vi": 0.8}, "where": "every"}, "fail"),
        ({"bot_language": {"vi": 0.8}, "where": "any"}, "pass"),
        ({"bot_language": {"vi": 0.8}, "turn": 1}, "fail"),
        ({"bot_language": {"vi": 0.8}, "turn": 2}, "inconclusive"),
    ],
)
def test_bot_language_counts_the_words_that_are_evidence(
    fields: dict[str, Any], expected: str
) -> None:
    assert status(LESSON, **fields) == expected


def test_a_reply_in_another_script_is_no_vietnamese() -> None:
    assert status(talk("U: a", "B: Привет, как дела?"), bot_language={"vi": 0.6}) == "fail"


def test_the_first_reply_in_the_wrong_language_is_the_evidence() -> None:
    assert verdict(LESSON, bot_language={"vi": 0.8}).evidence[0].message == 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("U: a", "B: Bạn nói lại nhé.", "U: b", "B: bạn  nói lại nhé!"), "fail"),
        (("U: a", "B: Bạn nói lại nhé.", "U: b", "B: Bạn nói tiếp nhé."), "pass"),
        (("U: a", "B: Giỏi lắm!", "U: b", "B: Từ khác nào", "U: c", "B: Giỏi lắm!"), "pass"),
        (("U: a", "B: Giỏi lắm!", "U: b", "B: Giỏi lắm!"), "fail"),
        (("U: a", "B: x"), "inconclusive"),
    ],
)
def test_no_repeats(lines: tuple[str, ...], expected: str) -> None:
    assert status(talk(*lines), no_repeats="bot") == expected


def test_a_repeat_shows_both_places() -> None:
    found = verdict(talk("U: a", "B: một hai ba", "U: b", "B: Một hai, ba."), no_repeats="bot")
    assert [one.message for one in found.evidence] == [3, 1]


@pytest.mark.parametrize(
    "line",
    [
        "Chào {{name}}!",
        "Chào ${user_name}!",
        "Chào {user_name}!",
        "Dear [Your Name],",
        "Chào None, hôm nay học gì?",
        "None",
        "Điểm: undefined",
        "[object Object]",
        '{"status": 0, "msg": "Success"}',
        '["a", "b"]',
        'Đây: {"score": 3}',
        "Traceback (most recent call last):",
        '  File "bot.py", line 3, in reply',
        "  at com.bot.Reply.main(Reply.java:10)",
        "   ",
        "Xong <|im_end|>",
        "<think>hm</think>",
        "Assistant: Chào bạn",
    ],
)
def test_leftovers_are_found(line: str) -> None:
    assert find_leftover(line) is not None


@pytest.mark.parametrize(
    "line",
    [
        "Chào Lan!",
        "None of them is right.",
        "None is missing. None at all!",
        "Giá 20 {đồng}",
        "Em thích số 3 {hay 4}?",
        "[cười] Giỏi lắm!",
        "Từ này viết là J-U-I-C-E.",
        "Bạn nói: nan giải",
        "At home (today) we rest.",
        "“juice” nghĩa là “nước ép”",
        "The system: a pump and a tank",
        "12:30",
    ],
)
def test_an_ordinary_line_is_no_leftover(line: str) -> None:
    assert find_leftover(line) is None


def test_a_leftover_is_quoted_where_it_stands() -> None:
    found = verdict(talk("U: a", "B: Chào", "B: Chào {{name}}!"), no_leftovers="bot")
    assert (found.evidence[0].message, found.evidence[0].quote) == (2, "{{name}}")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["{", "{{a", "[your ", " at ", '{"', "None ", '  File "', "<|a"])
def test_hostile_text_takes_no_time(unit: str) -> None:
    find_leftover(unit * 40_000)

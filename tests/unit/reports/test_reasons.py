"""A Vietnamese reader reads in Vietnamese why a check failed."""

from copy import deepcopy
from typing import Any

import pytest

from evaluation.checks.any import run_check
from reports.reasons import translate_reason
from reports.render import render_report
from tests.unit.evaluation.talks import check, talk

SAID = talk("U: hi you", "B: Dạ vâng ạ", "U: banana", "B: dạ vâng ạ", session={"score": 1})
LEFT = talk("U: a", "B: Chào {{name}}", end_reason="max_turns")
SILENT = talk("U: a", "B: 12 3", end_reason="error")
CASES: list[tuple[Any, dict[str, Any], str]] = [
    (SAID, {"bot_says": "juice"}, "bot không nói “juice”"),
    (SAID, {"bot_says": "juice", "turn": 2}, "bot không nói “juice” ở lượt 2"),
    (SAID, {"bot_says": "juice", "where": "first"}, "bot không nói “juice” ở câu đầu"),
    (SAID, {"bot_says": "juice", "where": "every"}, "bot không nói “juice” ở lượt 1"),
    (SAID, {"bot_offers": "M", "turn": 1}, "bot không đưa ra “M” ở lượt 1"),
    (SAID, {"user_says": "juice"}, "người dùng không nói “juice”"),
    (SAID, {"bot_says": "juice", "turn": 9}, "bot không nói gì ở lượt 9"),
    (SAID, {"bot_never_says": {"re": "vâng"}}, "bot nói /vâng/ ở lượt 1"),
    (SAID, {"after": {"user_says": "x", "bot_says": "y"}}, "người dùng không hề nói “x”"),
    (
        SAID,
        {"after": {"user_says": "hi", "bot_says": "y", "within": 1}},
        "bot không nói “y” trong 1 câu trả lời sau đó",
    ),
    (SAID, {"after": {"user_says": "hi", "bot_never_says": "vâng"}}, "bot nói “vâng” sau đó"),
    (
        SAID,
        {"after": {"user_says": "banana", "bot_says": "y", "within": 3}},
        "cuộc trò chuyện kết thúc trước khi bot kịp nói “y”",
    ),
    (
        SAID,
        {"never_before": {"bot_says": "vâng", "user_says": "banana"}},
        "bot nói “vâng” trước khi người dùng nói “banana”",
    ),
    (talk("B: a", end_reason=None), {"ended": "user_done"}, "cuộc trò chuyện chưa kết thúc"),
    (LEFT, {"ended": ["user_done"]}, "kết thúc vì max_turns, không phải vì user_done"),
    (SAID, {"turns": {"at_least": 3, "at_most": 5}}, "2 lượt; yêu cầu ít nhất 3 và nhiều nhất 5"),
    (SAID, {"latency_s": {"p95": 3}}, "không câu trả lời nào được đo thời gian"),
    (SAID, {"words_a_reply": {"at_most": 1}}, "3 từ ở lượt 1; yêu cầu nhiều nhất 1"),
    (SAID, {"session": {"path": "a.b", "equals": 1}}, "phiên không có a.b"),
    (SAID, {"session": {"path": "score", "at_least": 3}}, "score là 1; yêu cầu ít nhất 3,0"),
    (SILENT, {"bot_language": {"vi": 0.6}}, "bot không nói từ nào cho biết ngôn ngữ"),
    (
        SAID,
        {"bot_language": {"en": 0.6}},
        "0% trong 6 từ cho biết ngôn ngữ là en; yêu cầu ít nhất 0,6",
    ),
    (SAID, {"no_repeats": "bot"}, "lượt 2 lặp lại lượt 1"),
    (SILENT, {"no_repeats": "bot"}, "bot nói 1 lần"),
    (LEFT, {"no_leftovers": "bot"}, "biến của mẫu câu ở lượt 1"),
]


@pytest.mark.parametrize(("said", "asked", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_what_a_check_found_wrong_is_told_in_vietnamese(
    said: Any, asked: dict[str, Any], expected: str
) -> None:
    found = run_check(check(**asked), said)
    assert found.status in ("fail", "inconclusive")
    assert translate_reason(found.reason) == expected


def test_vietnamese_reports_tell_the_reasons_of_checks_in_vietnamese(
    nightly: dict[str, Any],
) -> None:
    document = deepcopy(nightly)
    for trial in document["trials"]:
        for verdict in trial["verdicts"]:
            verdict.update(kind="check", reason="the bot does not say “nước”")
    for format in ("html", "markdown"):
        text = render_report(document, format, "vi")
        assert "bot không nói “nước”" in text
        assert "the bot does not say" not in text
    assert "the bot does not say" in render_report(document, "markdown", "en")


def test_a_slow_reply_is_told_in_vietnamese() -> None:
    reason = "p95 4.5 s, max 5 s; wanted p95 at most 3.5 s"
    assert translate_reason(reason) == "p95 4,5 s, max 5 s; yêu cầu p95 không quá 3,5 s"


def test_figures_are_told_with_a_decimal_comma_and_texts_as_they_were_said() -> None:
    number = "score is 2.5; wanted at_least 3.25"
    assert translate_reason(number) == "score là 2,5; yêu cầu ít nhất 3,25"
    release = "release is '1.2'; wanted equals '1.2.3'"
    assert translate_reason(release) == "release là '1.2'; yêu cầu bằng '1.2.3'"
    assert translate_reason("the bot does not say “2.5”") == "bot không nói “2.5”"


def test_a_reason_of_the_users_own_is_left_as_it_is() -> None:
    assert translate_reason("thiếu {sao} and more") == "thiếu {sao} and more"

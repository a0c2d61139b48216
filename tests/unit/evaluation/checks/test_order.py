from typing import Any

import pytest

from tests.unit.evaluation.talks import status, talk, verdict

LOST = {"user_says": "hông hiểu", "bot_says": {"re": "lại|again"}, "within": 2}


def test_the_bot_reacts_within_so_many_replies() -> None:
    late = ("U: hông hiểu", "B: hm", "U: a", "B: Mình nói lại nhé", "U: b", "B: c")
    assert status(talk(*late), after=LOST) == "pass"
    assert status(talk(*late), after={**LOST, "within": 1}) == "fail"


def test_a_reaction_that_comes_too_late_shows_what_was_said_and_answered() -> None:
    said = talk("U: hông hiểu", "B: hm", "U: a", "B: b", "U: c", "B: lại")
    assert [one.message for one in verdict(said, after=LOST).evidence] == [0, 1]


def test_each_time_counts_unless_where_says_otherwise() -> None:
    said = talk("U: hông hiểu", "B: nói lại", "U: hông hiểu", "B: b", "U: c", "B: d")
    rule: dict[str, Any] = {**LOST, "within": 1}
    assert status(said, after=rule) == "fail"
    assert status(said, after=rule, where="first") == "pass"
    assert status(said, after=rule, where="last") == "fail"
    assert status(said, after=rule, where="any") == "pass"


def test_a_trigger_that_never_came_is_inconclusive() -> None:
    assert status(talk("U: a", "B: lại"), after=LOST) == "inconclusive"


def test_a_conversation_cut_short_is_no_failure_unless_the_bot_ended_it() -> None:
    said = ("U: a", "B: b", "U: hông hiểu", "B: hm")
    assert status(talk(*said), after=LOST) == "inconclusive"
    assert status(talk(*said, end_reason="bot_ended"), after=LOST) == "fail"


def test_a_trigger_cut_short_does_not_spoil_those_that_could_be_judged() -> None:
    said = talk("U: hông hiểu", "B: lại", "U: hông hiểu")
    assert status(said, after=LOST) == "pass"


def test_the_bot_may_have_to_keep_quiet_about_something() -> None:
    rule = {"user_says": "tạm biệt", "bot_never_says": "mua", "within": 1}
    assert status(talk("U: tạm biệt", "B: Mua thêm đi!"), after=rule) == "fail"
    assert status(talk("U: tạm biệt", "B: Tạm biệt", "U: a", "B: mua"), after=rule) == "pass"
    assert status(talk("U: tạm biệt"), after=rule) == "pass"


BYE = {"bot_says": "tạm biệt", "user_says": "juice"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("U: a", "B: tạm biệt"), "fail"),
        (("U: a", "B: tạm biệt", "U: juice", "B: b"), "fail"),
        (("U: juice", "B: tạm biệt"), "pass"),
        (("U: a", "B: b"), "pass"),
        (("G: tạm biệt", "U: juice"), "fail"),
    ],
)
def test_never_before(lines: tuple[str, ...], expected: str) -> None:
    assert status(talk(*lines), never_before=BYE) == expected


def test_never_before_quotes_what_came_too_early() -> None:
    found = verdict(talk("U: a", "B: Thôi, tạm biệt nhé"), never_before=BYE)
    assert (found.evidence[0].message, found.evidence[0].quote) == (1, "tạm biệt")

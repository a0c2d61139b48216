"""What all checks promise: EVALUATION, section 2, sentence by sentence."""

import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from evaluation.checks.any import KINDS, name_checks
from tests.unit.evaluation.talks import check, status, talk, verdict

ORDER = talk("G: Chào bạn!", "U: nước ép", "B: Juice nhé.", "U: tạm biệt", "B: Tạm biệt bạn!")


# --- what a check sees ----------------------------------------------------------------------------


def test_a_greeting_is_seen() -> None:
    assert status(ORDER, bot_says="chào bạn") == "pass"
    assert status(ORDER, bot_says="chào", turn=0) == "pass"


def test_given_history_is_seen_only_when_asked_for() -> None:
    old = talk("HU: a", "HB: Mật khẩu là hổ", "U: b", "B: c")
    assert status(old, bot_never_says="hổ") == "pass"
    assert status(old, bot_never_says="hổ", include_history=True) == "fail"


def test_the_bubbles_of_a_turn_are_joined_by_a_line_break() -> None:
    bubbles = talk("U: a", "B: một", "B: hai")
    assert status(bubbles, bot_says={"re": "một\nhai"}) == "pass"
    assert status(bubbles, bot_says="một hai") == "pass"
    assert verdict(bubbles, turns={"at_most": 1}).score == 1


def test_text_matches_case_folded_in_nfc_with_white_space_folded() -> None:
    shouted = unicodedata.normalize("NFD", "NƯỚC  \n ÉP")
    said = talk("U: a", f"B: {shouted}")
    found = verdict(said, bot_says="nước ép")
    assert found.status == "pass"
    assert found.evidence[0].quote == "NƯỚC  \n ÉP"  # in NFC, as it was said


def test_tones_count_unless_they_are_to_be_ignored() -> None:
    said = talk("U: a", "B: nuoc ep day")
    assert status(said, bot_says="nước ép") == "fail"
    assert status(said, bot_says="nước ép", tones="ignore") == "pass"
    assert status(talk("U: a", "B: Đây!"), bot_says={"re": "^Day"}, tones="ignore") == "pass"
    assert status(said, bot_never_says="nước ép") == "pass"
    assert status(said, bot_never_says="nước ép", tones="ignore") == "fail"
    asked = {"user_says": "a", "bot_says": "nước ép"}
    assert status(said, after=asked) == "fail"
    assert status(said, after=asked, tones="ignore") == "pass"


def test_an_expression_runs_on_nfc() -> None:
    said = talk("U: a", f"B: {unicodedata.normalize('NFD', 'được rồi')}")
    assert status(said, bot_says={"re": r"\bđược\b"}) == "pass"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a|aa)+$", "a" * 5000 + "!"),
        (r"(x+x+)+y", "x" * 30_000),
        (r"^(\w+\s?)*$", "từ " * 20_000 + "!"),
        (r"(.*)*=(.*)*;", "a" * 100_000),
    ],
)
def test_hostile_text_cannot_hold_an_expression_up(pattern: str, text: str) -> None:
    found = verdict(talk("U: a", f"B: {text}"), bot_says={"re": pattern})
    assert found.status in ("fail", "error")
    if found.status == "error":
        assert "ran for more than" in found.reason
        assert found.evidence[0].message == 1


def test_a_check_that_ran_too_long_is_an_error_and_no_answer() -> None:
    slow = talk("U: a", "B: " + "x" * 30_000)
    assert status(slow, bot_never_says={"re": r"(x+x+)+y"}) == "error"


# --- modifiers ------------------------------------------------------------------------------------


def test_must_false_is_carried_to_the_verdict() -> None:
    assert verdict(ORDER, bot_says="juice").must
    assert not verdict(ORDER, bot_says="juice", must=False).must


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({}, "pass"),
        ({"where": "any"}, "pass"),
        ({"where": "first"}, "fail"),
        ({"where": "last"}, "fail"),
        ({"where": "every"}, "fail"),
        ({"turn": 1}, "pass"),
        ({"turn": 2}, "fail"),
        ({"turn": 9}, "inconclusive"),
    ],
)
def test_where_and_turn_choose_the_replies(place: dict[str, Any], expected: str) -> None:
    assert status(ORDER, bot_says="juice", **place) == expected


def test_every_names_the_first_reply_that_differs() -> None:
    found = verdict(ORDER, bot_says="bạn", where="every")
    assert (found.status, found.evidence[0].message) == ("fail", 2)


def test_where_and_turn_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="where or turn, not both"):
        check(bot_says="a", where="first", turn=1)


def test_evidence_is_a_message_and_its_words() -> None:
    bubbles = talk("U: a", "B: một", "B: hai")
    found = verdict(bubbles, bot_says="HAI").evidence[0]
    assert (found.message, found.quote) == (2, "hai")
    assert found.quote in bubbles.messages[found.message]["content"]


# --- nothing to look at ---------------------------------------------------------------------------


SILENT = talk("U: a")
EMPTY = talk()


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_says": "a"},
        {"after": {"user_says": "hông hiểu", "bot_says": "lại"}},
        {"bot_language": {"vi": 0.6}},
        {"latency_s": {"p95": 3}},
        {"words_a_reply": {"at_most": 60}},
        {"no_repeats": "bot"},
        {"no_leftovers": "bot"},
        {"session": {"path": "score", "at_least": 3}},
        {"turns": {"at_most": 9}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_nothing_to_look_at_is_inconclusive(fields: dict[str, Any]) -> None:
    assert status(SILENT, **fields) == "inconclusive"


@pytest.mark.parametrize(
    "fields",
    [
        {"user_says": "a"},
        {"turns": {"at_most": 9}},
        {"no_repeats": "user"},
        {"no_leftovers": "user"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_conversation_that_never_began_is_inconclusive(fields: dict[str, Any]) -> None:
    assert status(EMPTY, **fields) == "inconclusive"


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_says": "a"},
        {"bot_language": {"vi": 0.6}},
        {"latency_s": {"p95": 3}},
        {"words_a_reply": {"at_most": 60}},
    ],
    ids=lambda fields: next(iter(fields)),
)
@pytest.mark.parametrize("place", [{"turn": 9}, {"where": "first"}, {"where": "every"}], ids=str)
def test_a_place_where_nobody_spoke_is_inconclusive(
    fields: dict[str, Any], place: dict[str, Any]
) -> None:
    said = ORDER if "turn" in place else SILENT
    assert status(said, **fields, **place) == "inconclusive"


def test_a_turn_that_the_user_never_reached_is_inconclusive() -> None:
    assert status(ORDER, user_says="nước ép", turn=9) == "inconclusive"


def test_given_history_alone_is_nothing_to_look_at() -> None:
    old = talk("HU: a", "HB: Dạ vâng ạ", "U: b")
    assert status(old, bot_says="vâng") == "inconclusive"
    assert status(old, bot_says="vâng", include_history=True) == "pass"
    asked = {"after": {"user_says": "a", "bot_says": "vâng"}}
    assert status(old, **asked) == "inconclusive"
    assert status(old, **asked, include_history=True) == "pass"
    assert status(old, no_repeats="user") == "inconclusive"


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_never_says": "a"},
        {"bot_never_says": "a", "turn": 9},
        {"bot_never_says": "a", "where": "last"},
        {"never_before": {"bot_says": "tạm biệt", "user_says": "juice"}},
    ],
)
def test_never_passes_where_there_is_nothing_to_look_at(fields: dict[str, Any]) -> None:
    assert status(SILENT, **fields) == "pass"


# --- mistakes in a file ---------------------------------------------------------------------------


def test_an_unknown_check_names_the_nearest_one() -> None:
    with pytest.raises(ValidationError, match="did you mean bot_says"):
        check(bot_say="juice")


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_says": ""},
        {"bot_says": "  "},
        {"bot_says": {"re": "("}},
        {"bot_says": {"re": "a" * 2000}},
        {"turns": {}},
        {"turns": {"at_least": 3, "at_most": 2}},
        {"latency_s": {}},
        {"latency_s": {"p99": 3}},
        {"ended": []},
        {"ended": ["bot_endd"]},
        {"session": {"path": "a"}},
        {"bot_language": {}},
        {"bot_language": {"fr": 0.5}},
        {"bot_language": {"vi": 60}},
        {"after": {"user_says": "a"}},
        {"after": {"user_says": "a", "bot_says": "b", "within": 0}},
        {"python": "stars.py"},
        {"python": "stars:counts"},
        {"no_repeats": "both"},
        {"bot_never_says": "a", "where": "every"},
        {"bot_says": "a", "bot_never_says": "b"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check(**fields)


# --- names ----------------------------------------------------------------------------------------


def test_checks_are_named_by_kind_and_numbered_from_the_second_on() -> None:
    checks = [check(bot_says="a"), check(bot_says="b"), check(bot_says="c", id="greets")]
    assert name_checks(checks) == ["bot_says", "bot_says-2", "greets"]


def test_a_name_given_is_not_taken_twice() -> None:
    checks = [check(bot_says="a"), check(turns={"at_most": 3}, id="bot_says")]
    assert name_checks(checks) == ["bot_says-2", "bot_says"]


def test_each_kind_describes_itself() -> None:
    assert check(bot_says="juice").describe() == "bot_says: juice"
    assert check(words_a_reply={"at_most": 40}).describe() == "words_a_reply: at_most 40"
    assert check(bot_says={"re": "a|b"}).describe() == "bot_says: re a|b"
    assert check(ended=["bot_ended", "user_done"]).describe() == "ended: bot_ended, user_done"
    assert check(bot_offers="Size M", part="button").describe() == "bot_offers: Size M"
    assert len(KINDS) == 15

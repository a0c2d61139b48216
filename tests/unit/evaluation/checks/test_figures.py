from typing import Any

import pytest

from tests.unit.evaluation.talks import status, talk, verdict

TWO = ("G: Chào", "U: a", "B: một hai ba", "U: b", "B: bốn năm sáu bảy")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("bot_ended", "pass"), (["user_done", "bot_ended"], "pass"), (["max_turns"], "fail")],
)
def test_ended(wanted: Any, expected: str) -> None:
    assert status(talk(*TWO, end_reason="bot_ended"), ended=wanted) == expected


def test_a_conversation_that_goes_on_has_no_end_yet() -> None:
    assert status(talk(*TWO, end_reason=None), ended="max_turns") == "inconclusive"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [({"at_most": 2}, "pass"), ({"at_most": 1}, "fail"), ({"at_least": 3}, "fail")],
)
def test_a_greeting_is_no_turn(bounds: dict[str, int], expected: str) -> None:
    assert status(talk(*TWO), turns=bounds) == expected


def test_a_bot_that_greets_and_is_not_asked_took_no_turn() -> None:
    assert status(talk("G: Chào", "U: a"), turns={"at_most": 2}) == "pass"
    assert status(talk("G: Chào", "U: a"), turns={"at_least": 1}) == "fail"


def timed(*latencies: int, **known: Any) -> Any:
    lines = [line for n in range(len(latencies)) for line in (f"U: {n}", f"B: {n}")]
    return talk(*lines, latencies_ms=latencies, **known)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"p95": 3}, "fail"),
        ({"p50": 0.1}, "pass"),
        ({"max": 5}, "pass"),
        ({"max": 4.9}, "fail"),
        ({"mean": 1}, "pass"),
        ({"p50": 0.1, "max": 1}, "fail"),
    ],
)
def test_latency_by_statistic(limits: dict[str, float], expected: str) -> None:
    said = timed(*[100] * 9, 5000)
    assert status(said, latency_s=limits) == expected


def test_the_slowest_reply_is_the_evidence() -> None:
    assert verdict(timed(100, 5000, 100), latency_s={"max": 1}).evidence[0].message == 3


def test_latency_is_the_first_bubbles() -> None:
    said = talk("U: a", "B: một", "B: hai", latencies_ms=(100, 9000))
    assert status(said, latency_s={"max": 1}) == "pass"


def test_replayed_turns_are_left_out_of_latency() -> None:
    assert status(timed(9000, 100, replayed_turns=1), latency_s={"max": 1}) == "pass"
    assert status(timed(9000, replayed_turns=1), latency_s={"max": 1}) == "inconclusive"


def test_latency_of_one_turn() -> None:
    assert status(timed(100, 5000), latency_s={"max": 1}, turn=1) == "pass"
    assert status(timed(100, 5000), latency_s={"max": 1}, turn=2) == "fail"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"words_a_reply": {"at_most": 4}}, "pass"),
        ({"words_a_reply": {"at_most": 3}}, "fail"),
        ({"words_a_reply": {"at_most": 3}, "where": "first"}, "pass"),
        ({"words_a_reply": {"at_most": 3}, "turn": 1}, "pass"),
        ({"words_a_reply": {"at_least": 4}, "where": "any"}, "pass"),
        ({"words_a_reply": {"at_least": 5}, "where": "any"}, "fail"),
    ],
)
def test_words_a_reply(fields: dict[str, Any], expected: str) -> None:
    assert status(talk(*TWO), **fields) == expected


SESSION = {"score": 3, "order": {"items": [{"id": "A7"}]}, "done": True, "a.b": 1, "text": "4.5"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"path": "score", "at_least": 3}, "pass"),
        ({"path": "score", "at_least": 4}, "fail"),
        ({"path": "score", "at_most": 2}, "fail"),
        ({"path": "text", "at_least": 4}, "pass"),
        ({"path": "order.items.0.id", "equals": "A7"}, "pass"),
        ({"path": "order.items.0.id", "at_least": 3}, "fail"),
        ({"path": "order.items.1.id", "equals": "A7"}, "inconclusive"),
        ({"path": "stars", "at_least": 3}, "inconclusive"),
        ({"path": "done", "equals": True}, "pass"),
        ({"path": "done", "equals": 1}, "fail"),
        ({"path": "done", "at_least": 1}, "fail"),
        ({"path": "a.b", "equals": 1}, "pass"),
        ({"path": "text", "contains": "4."}, "pass"),
    ],
)
def test_session_is_what_the_bots_own_answers_captured(
    wanted: dict[str, Any], expected: str
) -> None:
    assert status(talk(*TWO, session=SESSION), session=wanted) == expected

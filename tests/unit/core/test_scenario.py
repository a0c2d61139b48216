"""A scenario takes what fits, refuses the rest by name, and is the same when it is read again."""

import gc
import json
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.scenario import MAX_HISTORY, MAX_TEXT, MAX_TURNS, Scenario

HELLO = {"role": "user", "content": "chào"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("max_turns", value) for value in (0, -1, 10**9, "3", 3.0, True, None)),
        *(("min_turns", value) for value in (-1, MAX_TURNS + 1, "0")),
        *(("bot_id", value) for value in (-1, 1.5, True, "", "a b", "x" * 101, "../x", None)),
        *(("user_prompt", value) for value in (1, ["x"], "x" * (MAX_TEXT + 1), "\ud800")),
        *(("initial_message", value) for value in ("", " \n", 5, "x" * (MAX_TEXT + 1))),
        *(("lines", value) for value in ("x", [""], [None], ["x"] * (MAX_HISTORY + 1))),
        *(("history", value) for value in ("x", "{}", "[1]", '["', "[" * 100_000, 5)),
        ("history", [{"role": "system", "content": "x"}]),
        ("history", [{"role": "user"}]),
        ("history", [{"role": "user", "content": ""}]),
        ("history", [{**HELLO, "more": 1}]),
        ("history", json.dumps([{"role": "bot", "content": "x"}])),
        ("history", [HELLO] * (MAX_HISTORY + 1)),
        *(("time_limit_s", value) for value in (0, -1, "5", True, float("nan"), float("inf"))),
        *(("loop_limit", value) for value in (0, 1, 101, "2")),
        *(("first_speaker", value) for value in ("assistant", 1)),
        *(("user", value) for value in ("robot", "", 0)),
        *(("in_flight", value) for value in ("drop", None)),
        *(("persona", value) for value in ("../../etc/passwd", "a/b", "x" * 101, 5)),
        ("unknown", 1),
        ("replay", 3),
        ("card", {}),
    ],
)
def test_what_does_not_fit_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Scenario(**{field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("given", [[HELLO], json.dumps([HELLO]), f" {json.dumps([HELLO])}\n"])
def test_history_is_taken_as_a_list_and_as_the_old_json_text(given: Any) -> None:
    (line,) = Scenario(history=given).history
    assert (line.role, line.content) == ("user", "chào")


@pytest.mark.parametrize("given", ["", "  ", "[]", []])
def test_no_history_is_none(given: Any) -> None:
    assert Scenario(history=given).history == []


def test_texts_are_cleaned_at_the_border_and_nothing_else_is_changed() -> None:
    odd = " e\u0302\u0301 \u1ebf\r\n"
    scenario = Scenario(initial_message=odd + "\0", lines=[odd], user_prompt="\0", history=[HELLO])
    assert scenario.initial_message == odd + "\ufffd"
    assert scenario.lines == [odd]
    assert scenario.user_prompt == "\ufffd"
    (line,) = Scenario(history='[{"role": "user", "content": "a\\ud800"}]').history
    assert line.content == "a\ufffd"


SCENARIOS = st.builds(
    Scenario,
    bot_id=st.integers(0, 99) | st.sampled_from(["shop", "lớp-1"]),
    persona=st.none() | st.just("learner"),
    user_prompt=st.none() | st.just("sẵn sàng"),
    lines=st.lists(st.just("một"), max_size=2),
    max_turns=st.integers(1, 20),
    min_turns=st.integers(0, 20),
    time_limit_s=st.none() | st.just(5.0),
    in_flight=st.sampled_from(["retry", "accept", "ask"]),
)


@given(SCENARIOS)
def test_what_is_stored_and_read_again_is_the_same(scenario: Scenario) -> None:
    stored = json.loads(json.dumps(scenario.to_stored()))
    assert Scenario.read({**stored, "card": {"name": "Minh"}, "replay": 2}) == scenario
    assert {"bot_id", "max_turns"} <= stored.keys()
    assert "history" not in stored


def test_conversations_with_the_same_scenario_share_it_and_the_last_takes_it_along() -> None:
    def data() -> dict[str, Any]:
        return {"bot_id": 16, "lines": ["một", "hai"], "card": {"name": "Minh"}}

    first, second = Scenario.read(data()), Scenario.read(data())
    assert first is second
    assert Scenario.read({**data(), "max_turns": 3}) is not first
    seen = weakref.ref(first)
    del first, second
    gc.collect()
    assert seen() is None


def test_a_scenario_that_a_langgraph_client_spoiled_is_still_read() -> None:
    assert Scenario.read({"bot_id": 16, "user_prompt": "a\ud800"}).user_prompt == "a\ud800"

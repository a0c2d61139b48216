"""Who is next is a pure function of any state, and the first reason to end wins."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ends import EndReason
from core.message import Message, new_message
from core.rules import (
    count_pending_replay,
    find_end_reason,
    is_loop,
    is_stuck,
    route_after_bot,
    route_after_open,
    route_after_replay,
    route_after_user,
    says_goodbye_again,
)
from core.scenario import Scenario
from core.state import State

LINES = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.sampled_from("ab ")))


def said(lines: list[tuple[Any, str]]) -> list[Message]:
    return [
        new_message(role, text, index=at, turn=at, origin="given")
        for at, (role, text) in enumerate(lines)
    ]


@given(
    LINES,
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([None, "user", "bot"]),
    st.sampled_from([None, *EndReason]),
)
async def test_every_state_has_a_next_and_is_not_changed(
    lines: list[tuple[str, str]], replay: int, replayed: int, first: str | None, end: str | None
) -> None:
    scenario = {"bot_id": 16, "max_turns": 5, "replay": replay}
    if first:
        scenario["first_speaker"] = first
    state: State = {"messages": said(lines), "scenario": scenario, "replayed": replayed}
    if end:
        state["end_reason"] = end
    before = repr(state)
    assert await route_after_bot(state) == ("__end__" if end else "user")
    assert await route_after_user(state) == ("__end__" if end else "bot")
    opened = await route_after_open(state)
    if count_pending_replay(state) > 0:
        assert opened == "replay"
    elif lines:
        assert opened == ("bot" if lines[-1][0] == "user" else "user")
    else:
        assert opened == (first or "user")
    assert await route_after_replay(state) == opened
    assert repr(state) == before


@pytest.mark.parametrize(
    ("turn", "spent", "closing", "wanted"),
    [
        (1, 0.0, False, None),
        (3, 0.0, False, EndReason.MAX_TURNS),
        (4, 0.0, False, EndReason.MAX_TURNS),
        (1, 9.0, False, EndReason.TIME_LIMIT),
        (3, 9.0, False, EndReason.MAX_TURNS),
        (3, 9.0, True, EndReason.USER_DONE),
    ],
)
def test_the_first_reason_wins(
    turn: int, spent: float, closing: bool, wanted: EndReason | None
) -> None:
    scenario = Scenario(max_turns=3, time_limit_s=9.0)
    assert find_end_reason(scenario, [], turn, spent_s=spent, closing=closing) is wanted


@given(LINES, st.none() | st.integers(2, 5))
def test_a_loop_is_the_same_exchange_so_often_in_a_row(
    lines: list[tuple[str, str]], limit: int | None
) -> None:
    found = is_loop(said(lines), limit)
    if limit is None or len(lines) < 2 * limit:
        assert not found
    elif found:
        assert lines[-2 * limit :] == lines[-2:] * limit


def test_blanks_and_capitals_do_not_break_a_loop() -> None:
    exchange = [
        ("user", "Tạm biệt"),
        ("assistant", "Bye!"),
        ("user", " tạm BIỆT "),
        ("assistant", "bye! "),
    ]
    assert is_loop(said(exchange), 2)
    assert not is_loop(said([*exchange, ("user", "x"), ("assistant", "bye!")]), 2)
    assert not is_loop(said(exchange[1:] + exchange[:1]), 2)


def test_lines_that_differ_by_a_number_are_no_loop() -> None:
    text = "con nghĩ là câu trả lời của con cho bài học hôm nay với robot số {n} ạ"
    lines = [
        new_message("user", text.format(n=n), index=2 * n, turn=n + 1, origin="simulated")
        for n in range(5)
    ]
    assert not is_stuck(lines)
    same = [{**line, "content": text} for line in lines]
    assert is_stuck(same)  # type: ignore[arg-type]


def _farewells(*pairs: tuple[str, str]) -> list[Message]:
    """A bot's line and the user's answer to it, again and again."""
    lines: list[Message] = []
    for turn, (bot, user) in enumerate(pairs, 1):
        for role, text in (("assistant", bot), ("user", user)):
            origin = "bot" if role == "assistant" else "simulated"
            lines.append(new_message(role, text, index=len(lines), turn=turn, origin=origin))  # type: ignore[arg-type]
    return lines


def test_a_goodbye_that_is_asked_about_or_asked_for_is_none() -> None:
    asks = "Tạm biệt tiếng Anh là goodbye hả cô?"
    assert not says_goodbye_again(_farewells(*[("Tạm biệt nhé!", asks)] * 3))
    wanted = ("Con nói theo nhé: “goodbye”.", "Goodbye ạ")
    assert not says_goodbye_again(_farewells(wanted, wanted, wanted))
    assert says_goodbye_again(_farewells(*[("Tạm biệt nhé!", "Dạ tạm biệt cô ạ.")] * 3))

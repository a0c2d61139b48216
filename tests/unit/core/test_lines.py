"""What a scenario lays down for the user is said in its order, and its end is known."""

import pytest
from pydantic import ValidationError

from core.ends import EndReason
from core.lines import are_lines_done, begins_with_persona, find_planned_text, find_position
from core.message import Message, Origin, new_message
from core.rules import find_end_reason
from core.scenario import Scenario

MIXED = [{"say": "một"}, {"simulate": 2}, "hai", {"simulate": "rest"}]


def user(position: int | None, origin: Origin = "scripted") -> Message:
    return new_message("user", "a", index=0, turn=1, origin=origin, line_position=position)


def bot() -> Message:
    return new_message("assistant", "b", index=1, turn=1, origin="bot")


def test_texts_and_simulated_lines_come_in_their_order() -> None:
    scenario = Scenario(lines=MIXED)
    found = [find_planned_text(scenario, position) for position in range(7)]
    assert found == ["một", None, None, "hai", None, None, None]


def test_the_initial_message_comes_first() -> None:
    scenario = Scenario(lines=MIXED, initial_message="chào")
    assert [find_planned_text(scenario, position) for position in range(3)] == ["chào", "một", None]


@pytest.mark.parametrize(
    ("lines", "position", "done"),
    [
        ([], 5, False),
        (["một"], 5, False),
        ([{"say": "một"}], 0, False),
        ([{"say": "một"}], 1, True),
        (["một", {"simulate": 2}], 2, False),
        (["một", {"simulate": 2}], 3, True),
        ([{"simulate": "rest"}], 999, False),
    ],
)
def test_a_list_with_a_mapping_in_it_is_done_after_its_last(
    lines: list[object], position: int, done: bool
) -> None:
    scenario = Scenario(lines=lines)
    assert are_lines_done(scenario, [user(position)]) is done


def test_the_position_is_that_of_the_last_line_of_the_user_and_not_counted() -> None:
    assert find_position([]) == 0
    assert find_position([user(3), bot(), user(3, "human"), bot()]) == 3


def test_a_conversation_of_before_positions_were_kept_goes_on_where_it_was() -> None:
    assert find_position([user(None), bot(), user(None, "human"), bot(), user(None)]) == 2


@pytest.mark.parametrize(
    ("scenario", "opens"),
    [
        (Scenario(), True),
        (Scenario(lines=[{"simulate": 1}, "một"]), True),
        (Scenario(lines=["một"]), False),
        (Scenario(lines=[{"say": "một"}]), False),
        (Scenario(lines=[{"simulate": 1}], initial_message="chào"), False),
    ],
)
def test_a_persona_opens_only_where_the_list_is_empty_or_begins_with_simulate(
    scenario: Scenario, opens: bool
) -> None:
    assert begins_with_persona(scenario) is opens


def test_lines_that_are_done_end_the_turn_unless_a_person_sits_there() -> None:
    scenario, messages = Scenario(lines=[{"say": "một"}], max_turns=1), [user(1), bot()]
    ends = {"spent_s": 0.0, "closing": False}
    assert find_end_reason(scenario, messages, 1, **ends) is EndReason.LINES_DONE
    reason = find_end_reason(scenario, messages, 1, **ends, seat="human")
    assert reason is EndReason.MAX_TURNS
    ends["closing"] = True
    assert find_end_reason(scenario, messages, 1, **ends) is EndReason.USER_DONE


@pytest.mark.parametrize(
    "line",
    [
        {"say": ""},
        {"say": "a", "simulate": 1},
        {"simulate": 0},
        {"simulate": "all"},
        {"simulate": True},
        {"shout": "a"},
        {},
        ["a"],
    ],
)
def test_a_line_that_is_neither_text_nor_say_nor_simulate_is_refused(line: object) -> None:
    with pytest.raises(ValidationError):
        Scenario(lines=[line])


def test_lines_travel_with_the_conversation_as_they_were_given() -> None:
    stored = Scenario(lines=MIXED).to_stored()
    assert stored["lines"] == MIXED
    assert Scenario.read(stored).lines == MIXED

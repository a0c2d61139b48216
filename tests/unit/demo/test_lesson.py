import copy
import json
import unicodedata
from itertools import pairwise

import pytest

from demo.lesson import SESSION_UNITS, LessonState, answer, start
from demo.phrases import Exercise, model
from demo.units import DRINKS, UNITS, WORDS


def talk(state: LessonState, *lines: str) -> tuple[LessonState, str]:
    """The state and the robot's last reply after all the learner's lines."""
    reply = ""
    for line in lines:
        state, reply = answer(state, line)
    return state, reply


def right_answer(state: LessonState) -> str:
    """What a perfect learner says next."""
    if state["phase"] != "task":
        return "học tiếp"
    kind, english = state["queue"][0]
    return model(Exercise(UNITS[state["unit"]], kind, english))


def perfect(state: LessonState, turns: int) -> tuple[LessonState, list[str]]:
    replies = []
    for _ in range(turns):
        state, reply = answer(state, right_answer(state))
        replies.append(reply)
    return state, replies


def test_the_first_reply_greets_in_vietnamese_and_teaches_a_word() -> None:
    _, reply = talk(start(), "sẵn sàng")
    assert reply.startswith("Chào bạn!")
    assert "“juice”, nghĩa là “nước ép”" in reply


def test_who_only_says_hello_is_asked_whether_he_is_ready() -> None:
    state, reply = talk(start(), "Xin chào")
    assert reply.endswith("Bạn sẵn sàng chưa?")
    state, reply = talk(state, "chưa, đợi chút")
    assert state["phase"] == "ready"
    _, reply = talk(state, "rồi")
    assert "“juice”" in reply


def test_a_right_answer_is_praised_and_the_lesson_moves_on() -> None:
    state, reply = talk(start(), "sẵn sàng", "Juice!")
    assert reply.startswith("Chính xác!")
    assert "“milk”" in reply
    assert state["marks"] == "f"


def test_a_slip_is_taken_and_shown_as_it_should_be() -> None:
    state, reply = talk(start(), "sẵn sàng", "juce")
    assert "“juice”." in reply
    assert state["queue"][0] == ["word", "milk"]


def test_a_wrong_answer_gets_a_hint_and_another_try() -> None:
    state, reply = talk(start(), "sẵn sàng", "banana")
    assert "“banana” là “quả chuối” cơ" in reply
    assert "J-U-I-C-E" in reply
    state, reply = talk(state, "juice")
    assert state["marks"] == "h"


def test_after_two_wrong_tries_the_robot_gives_up_kindly() -> None:
    state, reply = talk(start(), "sẵn sàng", "ừm", "không biết")
    assert "Đáp án là “juice”." in reply
    assert "“milk”" in reply
    assert state["marks"] == "m"
    assert state["weak"] == ["juice"]


def test_asking_what_it_means_costs_no_try() -> None:
    state, reply = talk(start(), "sẵn sàng", "juice nghĩa là gì?")
    assert "“nước ép”: thức uống" in reply
    assert state["tries"] == 0
    state, _ = talk(state, "juice là gì nữa?")
    assert state["queue"][0] == ["word", "milk"]


def test_words_left_out_of_a_sentence_are_named() -> None:
    state, _ = perfect(start(), 4)
    assert state["queue"][0] == ["sentence", ""]
    _, reply = talk(state, "I like some tea, please")
    assert "chỉ còn thiếu “would”" in reply
    assert f"“{DRINKS.sentence}”" in reply


def test_a_bare_word_in_a_scene_is_not_a_sentence() -> None:
    state, _ = perfect(start(), 5)
    _, reply = talk(state, "tea")
    assert "Có “tea” rồi, nhưng mình cần cả câu." in reply


def test_words_that_went_wrong_come_back() -> None:
    state, _ = talk(start(), "sẵn sàng", "juice", "milk", "hả", "hả")
    assert state["weak"] == ["tea"]
    state, _ = perfect(state, 2)
    assert state["queue"] == [["recall", "tea"], ["meaning", "juice"]]
    state, replies = perfect(state, 3)
    assert "ôn lại “tea”" in replies[1]
    assert "“trà” tiếng Anh là gì" in replies[2]


def test_a_perfect_learner_ends_after_two_units_with_the_score() -> None:
    state, replies = perfect(start(), 1 + 7 + 1 + 7)
    assert state["phase"] == "ended"
    assert state["units"] == SESSION_UNITS
    assert "Bạn đúng 14/14 câu, câu nào cũng đúng ngay lần đầu." in replies[-1]
    assert "Tạm biệt" in replies[-1]


def test_after_the_end_a_new_lesson_is_offered_and_given() -> None:
    state, _ = perfect(start(), 16)
    state, reply = talk(state, "Cảm ơn, tạm biệt!")
    assert "học thêm không?" in reply
    declined, reply = talk(state, "không, mình mệt rồi")
    assert declined["phase"] == "again"
    assert "“sunny”" not in reply
    state, reply = talk(state, "có chứ")
    assert "“sunny”" in reply
    assert state["marks"] == ""


def test_after_the_end_who_wants_more_gets_it_at_once() -> None:
    state, _ = perfect(start(), 16)
    _, reply = talk(state, "mình muốn học tiếp")
    assert "“sunny”" in reply


@pytest.mark.parametrize("line", ["tạm biệt", "bye", "mình mệt quá, nghỉ thôi"])
def test_who_leaves_in_the_middle_gets_the_score_so_far(line: str) -> None:
    state, reply = talk(start(), "sẵn sàng", "juice", line)
    assert state["phase"] == "ended"
    assert "1/1" in reply


def test_who_declines_the_second_unit_is_let_go() -> None:
    state, _ = perfect(start(), 8)
    assert state["phase"] == "more"
    state, reply = talk(state, "Không, để hôm khác nhé")
    assert state["phase"] == "ended"
    assert "hẹn gặp lại" in reply


def test_neighbouring_replies_never_open_alike() -> None:
    _, replies = perfect(start(), 25)
    openings = [reply.split("!")[0] for reply in replies]
    assert all(a != b for a, b in pairwise(openings))
    assert len(set(replies)) == len(replies)


@pytest.mark.parametrize("bot_id", [0, 1, 15, 16, 17, 10**30, -4, "16", "x", "bài học", ""])
def test_any_bot_id_teaches_some_unit(bot_id: int | str) -> None:
    _, reply = talk(start(bot_id), "sẵn sàng")
    assert any(f"“{english}”" in reply for english in WORDS)


def test_sixteen_is_the_same_as_text() -> None:
    assert start("16") == start(16) == start()
    assert start(17) != start(16)


def test_the_state_is_left_alone_and_is_plain_json() -> None:
    state, _ = perfect(start(), 6)
    before = copy.deepcopy(state)
    first = answer(state, "hả")
    assert state == before
    assert answer(json.loads(json.dumps(state)), "hả") == first


def test_a_state_stays_small_however_long_the_talk() -> None:
    state, _ = perfect(start(), 400)
    assert len(json.dumps(state)) < 500


def test_decomposed_vietnamese_is_understood() -> None:
    state, _ = perfect(start(), 16)
    _, reply = talk(state, unicodedata.normalize("NFD", "học tiếp"))
    assert "“sunny”" in reply


@pytest.mark.parametrize("line", ["", " ", "?" * 100_000, "\ud800", "\0", "{}", "a " * 50_000])
def test_strange_lines_are_answered_in_every_phase(line: str) -> None:
    state = start()
    for _ in range(30):
        state, _ = answer(state, right_answer(state))
        after, reply = answer(state, line)
        assert reply
        assert answer(after, line)[1]

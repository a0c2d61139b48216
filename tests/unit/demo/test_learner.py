from collections.abc import Sequence
from itertools import pairwise

import pytest

from demo.english import is_vietnamese
from demo.learner import READY, next_line
from demo.lesson import LessonState, answer, start

Messages = list[dict[str, str]]


def after(*robot: str, language: str = "vi") -> str:
    """What the learner says when the robot has said this; between its lines he said "ừ"."""
    messages: Messages = []
    for line in robot:
        messages += [{"role": "user", "content": "ừ"}, {"role": "assistant", "content": line}]
    return next_line(messages, language=language)


def lesson(turns: int, bot_id: int = 16) -> tuple[list[str], list[str], LessonState]:
    """A lesson between robot and learner: what each of them said, and the lesson's last state."""
    state, messages = start(bot_id), Messages()
    for _ in range(turns):
        line = next_line(messages)
        state, reply = answer(state, line)
        messages += [{"role": "user", "content": line}, {"role": "assistant", "content": reply}]
    return [m["content"] for m in messages[::2]], [m["content"] for m in messages[1::2]], state


def corrections(replies: Sequence[str]) -> list[str]:
    signs = ("Gần", "Chuẩn là", "chỉnh lại", "Chưa", "Ồ,", "Bạn nói bằng tiếng Anh", "Đáp án là")
    return [reply for reply in replies if any(sign in reply for sign in signs)]


# --- a whole lesson -------------------------------------------------------------------------------


def test_ten_turns_are_a_whole_unit_with_corrections() -> None:
    learner, robot, _ = lesson(10)
    assert learner[0] == READY
    assert robot[0].startswith("Chào bạn!")
    assert len(corrections(robot)) >= 2
    assert "Vậy là xong bài gọi đồ uống! Bạn đúng " in robot[-1]


def test_twenty_five_turns_hold_a_summary_and_a_goodbye() -> None:
    learner, robot, _ = lesson(25)
    end = next(i for i, reply in enumerate(robot) if "Buổi học hôm nay kết thúc" in reply)
    assert "Bạn đúng " in robot[end]
    assert robot[end].endswith("Tạm biệt và hẹn gặp lại bạn!")
    assert "ạm biệt" in learner[end + 1]
    assert robot[end + 1].endswith("Bạn có muốn học thêm không?")


@pytest.mark.parametrize("bot_id", range(16, 21))
def test_every_lesson_moves_on_and_is_worth_watching(bot_id: int) -> None:
    learner, robot, state = lesson(60, bot_id)
    assert all(a != b for a, b in pairwise(learner))
    assert all(a != b for a, b in pairwise(robot))
    assert len(set(robot)) > 50
    assert len(corrections(robot[:25])) >= 1
    assert sum("Buổi học hôm nay kết thúc" in reply for reply in robot) >= 2
    good = state["marks"].count("f") + state["marks"].count("h")
    assert good >= 0.8 * len(state["marks"])


def test_the_same_messages_give_the_same_line() -> None:
    assert lesson(25) == lesson(25)


# --- line by line ---------------------------------------------------------------------------------


def test_the_first_line_is_ready() -> None:
    assert next_line([]) == READY
    assert next_line([], language="en") == "I'm ready!"


def test_without_an_answer_the_learner_does_not_say_the_same_again() -> None:
    assert next_line([{"role": "user", "content": READY}]) not in ("", READY)


def test_he_says_what_he_is_told_to_say() -> None:
    said = [after(f"Lần {n}: bạn nói “tea” nhé.").casefold() for n in range(20)]
    assert 10 <= sum("tea" in line for line in said) < 20


def test_he_remembers_what_he_was_taught() -> None:
    taught = "“tea” nghĩa là “trà”. “milk” nghĩa là “sữa”."
    said = [after(taught, f"Câu {n}: “sữa” tiếng Anh là gì?").casefold() for n in range(20)]
    assert 10 <= sum("milk" in line for line in said) < 20
    said = [after(taught, f"Câu {n}: “milk” tiếng Việt nghĩa là gì?").casefold() for n in range(20)]
    assert 10 <= sum("sữa" in line for line in said) < 20


def test_he_does_not_know_what_nobody_taught_him() -> None:
    assert is_vietnamese(after("“con mèo” tiếng Anh là gì?"))


def test_in_a_scene_he_changes_a_word_of_the_sentence() -> None:
    taught = "“tea” nghĩa là “trà”. “milk” nghĩa là “sữa”. Bạn nói: “I like tea.”"
    said = [after(taught, f"Lượt {n}! Bạn đáp: “I like …”") for n in range(20)]
    assert sum("I like milk." in line for line in said) >= 10


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("Bạn sẵn sàng chưa?", "ẵn sàng|bắt đầu"),
        ("Em tên là gì?", "Lan"),
        ("What is your name?", "Lan"),
        ("How old are you?", "twenty"),
        ("Xin chào! Tôi có thể giúp gì cho bạn?", "tiếng Anh"),
        ("Hello! How can I help you today?", "English|learn"),
        ("Bạn thích ăn gì?", "phở"),
        ("Do you like music?", "Yes|Sure"),
        ("Bạn hiểu chưa?", "Có|Ừ|Vâng"),
        ("What is the capital of France?", "example|explain|know"),
        ("Tạm biệt em nhé!", "ạm biệt"),
        ("Bạn muốn học tiếp bài mới không?", "tiếp|Có"),
    ],
)
def test_he_gives_short_answers_to_other_robots(line: str, hint: str) -> None:
    said = after(line)
    assert any(part in said for part in hint.split("|")), said
    assert len(said) < 80


def test_he_calls_himself_as_the_robot_calls_him() -> None:
    assert "em" in after("Chào em! Em tên là gì?").casefold().split()
    assert "em" not in after("Em gái bạn tên là gì?").casefold().split()


def test_bubbles_in_a_row_are_one_line() -> None:
    bubbles = [{"role": "assistant", "content": text} for text in ("Chào em!", "Em tên là gì?")]
    assert "Lan" in next_line([{"role": "user", "content": READY}, *bubbles])


@pytest.mark.parametrize("language", ["vi", "vi-VN", "en", "fr"])
@pytest.mark.parametrize("line", ["Say “tea”.", "OK.", "Ừ.", "", "Bạn ơi, là gì?", "{me} {} {0}"])
def test_to_a_robot_that_repeats_itself_he_does_not(line: str, language: str) -> None:
    messages: Messages = []
    for _ in range(30):
        said = next_line(messages, language=language)
        assert said.strip()
        assert [m for m in messages if m["role"] == "user"][-1:] != [
            {"role": "user", "content": said}
        ]
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": line}]


def test_in_english_he_speaks_no_vietnamese_of_his_own() -> None:
    for line in ("Say “tea”.", "Repeat: “I am here.”", "Goodbye!", "Shall we continue?", "Hmm."):
        assert not is_vietnamese(after(line, language="en"))


@pytest.mark.parametrize(
    "line", ["“" * 5000, '"' * 5001, "nói " * 50_000, "'a" * 20_000, "\ud800", "**" * 9999 + "?"]
)
def test_monstrous_lines_are_answered_at_once(line: str) -> None:
    assert after(*[line] * 5)

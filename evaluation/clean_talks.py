"""Clean transcripts that need nothing: the demo robot's lessons with the scripted learner."""

from core.message import Message, new_message
from demo import lesson
from demo.learner import next_line
from demo.units import UNITS
from evaluation.transcripts import Transcript

_OPENINGS = ("sẵn sàng", "Dạ em chào thầy, em sẵn sàng rồi ạ", "chào bạn", "ok học thôi", "ready!")


def make_clean_talks(count: int = 20, turns: int = 10) -> list[Transcript]:
    """So many lessons, the same ones each time."""
    return [_make_talk(number, turns) for number in range(count)]


def _make_talk(number: int, turns: int) -> Transcript:
    state = lesson.start(lesson.FIRST_BOT + number)
    opening = _OPENINGS[number // len(UNITS) % len(_OPENINGS)]
    messages: list[Message] = []
    for turn in range(1, turns + 1):
        line = opening if turn == 1 else next_line(messages)
        state, reply = lesson.answer(state, line)
        at = len(messages)
        messages += [
            new_message("user", line, index=at, turn=turn, origin="scripted"),
            new_message("assistant", reply, index=at + 1, turn=turn, origin="bot"),
        ]
    return Transcript(messages=messages, end_reason="max_turns")

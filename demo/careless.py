"""The careless twin: the same lesson from a robot with faults, for suites that ought to fail.

It praises wrong answers, says the same thing twice, falls into English and forgets which unit it
was teaching. When it does is drawn from a seed: the same seed and lines give the same faults.
"""

import hashlib

from demo import lesson
from demo.english import Grade
from demo.lesson import LessonState
from demo.phrases import Exercise, model, pick
from demo.units import UNITS

PRAISES_WRONG = 0.6
"""Of the wrong answers."""
REPEATS = 0.05
SPEAKS_ENGLISH = 0.07
FORGETS_UNIT = 0.03
"""Of all replies but the first."""


def start(bot_id: int | str, seed: str) -> LessonState:
    """A new lesson whose faults are drawn from `seed`."""
    return {**lesson.start(bot_id), "careless": seed, "last": ""}


def answer(state: LessonState, message: str) -> tuple[LessonState, str]:
    """The reply to `message` and the state after it; `state` is left as it was."""
    after, reply = _answer(state, message)
    return {**after, "last": reply}, reply


def _answer(state: LessonState, message: str) -> tuple[LessonState, str]:
    if state["said"] and _strikes(state, "repeat", REPEATS):
        return {**state, "said": state["said"] + 1}, state.get("last", "")
    if state["phase"] != "task":
        return lesson.answer(state, message)
    if _strikes(state, "forget", FORGETS_UNIT):
        return _forget_unit(state)
    after, reply = lesson.answer(state, _overlook_mistake(state, message))
    if after["phase"] == "task" and _strikes(state, "english", SPEAKS_ENGLISH):
        reply = _say_in_english(after)
    return after, reply


def _overlook_mistake(state: LessonState, message: str) -> str:
    """The right answer in place of a wrong one, where carelessness strikes."""
    task = lesson.current_task(state)
    wrong = lesson.judge(task, message) is Grade.WRONG
    return model(task) if wrong and _strikes(state, "praise", PRAISES_WRONG) else message


def _forget_unit(state: LessonState) -> tuple[LessonState, str]:
    step = 1 + _draw(state, "unit") % (len(UNITS) - 1)
    elsewhere: LessonState = {**state, "unit": (state["unit"] + step) % len(UNITS)}
    after, reply = lesson.begin_unit({**elsewhere, "said": state["said"] + 1})
    topic = UNITS[after["unit"]].topic
    return after, f"Ơ, mình đang dạy bài nào nhỉ? À, bài {topic}. {reply}"


def _say_in_english(state: LessonState) -> str:
    task = lesson.current_task(state)
    return f"{pick(_ENGLISH_REMARKS, _draw(state, 'remark'))} {_ask_in_english(task)}"


def _ask_in_english(task: Exercise) -> str:
    if task.kind == "sentence":
        return f"Now repeat the whole sentence after me: “{task.unit.sentence}”"
    if task.kind == "scene":
        return f"Let's do a role play. “{task.unit.question}” Please begin with “{task.unit.frame}”"
    if task.kind == "word":
        return f"The next word is very easy. Please say “{task.english}”."
    if task.kind == "meaning":
        return f"What does “{task.english}” mean in Vietnamese?"
    return f"How do you say “{task.word.vi}” in English?"


_ENGLISH_REMARKS = ("Very good, well done!", "OK, let's go on.", "Great, you are doing fine.")


def _strikes(state: LessonState, fault: str, rate: float) -> bool:
    return _draw(state, fault) < rate * 2**32


def _draw(state: LessonState, purpose: str) -> int:
    """32 bits that follow from the seed, the number of replies and the purpose."""
    text = f"{state.get('careless', '')}|{state['said']}|{purpose}"
    digest = hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest)

"""The demo robot's brain: an English lesson for Vietnamese speakers, line by line.

Pure and deterministic: the same state and message always give the same reply, and nothing outside
is touched. A session is two units of about eight answers each; then the robot says goodbye, and
offers the next unit to whoever goes on talking.
"""

import copy
import re
import unicodedata
from collections.abc import Callable
from typing import Literal, NotRequired, TypedDict

from demo import phrases
from demo.english import (
    Grade,
    is_vietnamese,
    judge_answer,
    judge_meaning,
    judge_sentence,
    judge_word,
    missing,
    other_word,
    tokens,
)
from demo.phrases import Exercise, ask, explain, hint, model, pick, score, to_revise
from demo.units import UNITS, Unit

Phase = Literal["new", "ready", "task", "more", "ended", "again"]
SESSION_UNITS = 2
FIRST_BOT = 16
_LONGEST = 2000


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_ASKS = _any("là gì", "nghĩa gì", "thế nào", "(nhắc|nói|lặp) lại", r"\b(repeat|mean|again)\b")
_UNSURE = _any("(không|chưa) (biết|nhớ|rõ|hiểu)", "quên|khó|chịu|bí quá", "don't know")
_STOPS = _any(r"tạm biệt|\b(good)?bye\b", r"dừng|\bnghỉ|\bmệt", "không (muốn )?học (tiếp|nữa)")
_DECLINES = _any(
    _STOPS.pattern,
    "hôm khác|lần sau|để sau|không muốn",
    r"^((dạ|ạ|ừ|à)\W+)?(không(?! sao)|thôi|no)\b",
)
_WAITS = _any(r"\b(chưa|khoan|đợi|chờ|wait)\b", "not ready")
_GREETS = _any(r"\b(chào|hello|hi|alo)\b")
_STARTS = _any("sẵn sàng|bắt đầu", r"\b(học|ready|start|ok)\b")
_GOES_ON = _any("học (tiếp|thêm|bài)", "bài (mới|khác)", "tiếp tục|sẵn sàng|bắt đầu|ready")


class LessonState(TypedDict):
    """A lesson in hand; every value is plain JSON."""

    phase: Phase
    unit: int
    """Index into `UNITS`."""
    units: int
    """Units begun in this session, from 1."""
    queue: list[list[str]]
    """Tasks still to do, the current one first, each `[kind, English word or ""]`."""
    tries: int
    """Wrong answers to the current task."""
    explained: bool
    marks: str
    """A letter for each task of the session: `f`irst try, with a `h`int, `m`issed."""
    unit_from: int
    """Where in `marks` the present unit begins."""
    weak: list[str]
    """Words that were not right at once in this session."""
    said: int
    """Replies given."""
    careless: NotRequired[str]
    """The seed of the careless twin's faults; absent for the careful robot."""
    last: NotRequired[str]
    """The careless twin's last reply."""


def start(bot_id: int | str = FIRST_BOT) -> LessonState:
    """A new lesson. Bot 16 begins with the first unit, every other id with one of its own."""
    text = str(bot_id)
    number = int(text) if text.isdecimal() and len(text) < 20 else sum(map(ord, text))
    return {
        "phase": "new",
        "unit": (number - FIRST_BOT) % len(UNITS),
        "units": 1,
        "queue": [],
        "tries": 0,
        "explained": False,
        "marks": "",
        "unit_from": 0,
        "weak": [],
        "said": 0,
    }


def answer(state: LessonState, message: str) -> tuple[LessonState, str]:
    """The robot's reply to `message`, and the state after it; `state` is left as it was."""
    after = copy.deepcopy(state)
    after["said"] += 1
    heard = unicodedata.normalize("NFC", message[:_LONGEST])
    reply = _PHASES[after["phase"]](after, heard)
    return after, reply


def begin_unit(state: LessonState) -> tuple[LessonState, str]:
    """The state at the first task of its unit, and how the robot sets that task."""
    after = copy.deepcopy(state)
    reply = _begin_unit(after)
    return after, reply


# --- the phases: each changes the state in hand and gives the reply ------------------------------


def _greet(state: LessonState, message: str) -> str:
    hello = (
        "Chào bạn! Mình là Bắp, robot dạy tiếng Anh. "
        f"Hôm nay mình cùng bạn học cách {_unit(state).topic} nhé: "
        "ba từ mới, một câu, rồi tập nói chuyện."
    )
    if _WAITS.search(message) or (_GREETS.search(message) and not _STARTS.search(message)):
        state["phase"] = "ready"
        return f"{hello} Bạn sẵn sàng chưa?"
    return f"{hello} {_begin_unit(state)}"


def _await_ready(state: LessonState, message: str) -> str:
    if _STOPS.search(message):
        return _stop(state)
    if _WAITS.search(message):
        return pick(phrases.WAITING, state["said"])
    return f"Mình bắt đầu nhé! {_begin_unit(state)}"


def _do_task(state: LessonState, message: str) -> str:
    task = current_task(state)
    asks = bool(_ASKS.search(message)) and not state["explained"]
    verdict = judge(task, message)
    # Whoever asks about a new word repeats it in the question: that is no answer yet.
    if verdict is not Grade.WRONG and not (asks and task.kind in {"word", "sentence"}):
        return _right(state, verdict)
    if _STOPS.search(message):
        return _stop(state)
    if asks:
        state["explained"] = True
        return explain(task)
    state["tries"] += 1
    return _give_up(state) if state["tries"] > 1 else _correct(state, message)


def _between_units(state: LessonState, message: str) -> str:
    if _DECLINES.search(message):
        state["phase"] = "ended"
        return "Được, mình nghỉ ở đây nhé. Hôm nay bạn học chăm lắm. Tạm biệt, hẹn gặp lại bạn!"
    _next_unit(state)
    state["units"] += 1
    return f"Hay lắm, mình sang bài mới: cách {_unit(state).topic}. {_begin_unit(state)}"


def _after_the_end(state: LessonState, message: str) -> str:
    if _GOES_ON.search(message) and not _DECLINES.search(message):
        return _new_session(state)
    state["phase"] = "again"
    topic = UNITS[(state["unit"] + 1) % len(UNITS)].topic
    leads = phrases.ON_LEAVING if _STOPS.search(message) else phrases.STILL_HERE
    lead = pick(leads, state["said"])
    return f"{lead} mình còn bài mới: cách {topic}. Bạn có muốn học thêm không?"


def _offered_again(state: LessonState, message: str) -> str:
    if _DECLINES.search(message):
        return pick(phrases.SEE_YOU, state["said"])
    return _new_session(state)


_PHASES: dict[Phase, Callable[[LessonState, str], str]] = {
    "new": _greet,
    "ready": _await_ready,
    "task": _do_task,
    "more": _between_units,
    "ended": _after_the_end,
    "again": _offered_again,
}

# --- moving on ------------------------------------------------------------------------------------


def _begin_unit(state: LessonState) -> str:
    unit = _unit(state)
    teach = [["word", word.en] for word in unit.words]
    warm_up = [["warm-up", state["weak"][-1]]] if state["weak"] else []
    state["queue"] = [*warm_up, *teach, ["sentence", ""], ["scene", ""]]
    state["unit_from"] = len(state["marks"])
    state["phase"] = "task"
    return ask(current_task(state), state["unit"])


def _next_unit(state: LessonState) -> None:
    state["unit"] = (state["unit"] + 1) % len(UNITS)


def _new_session(state: LessonState) -> str:
    _next_unit(state)
    state["units"], state["marks"], state["weak"] = 1, "", []
    return f"Tuyệt, mình học tiếp nhé! Bài này là cách {_unit(state).topic}. {_begin_unit(state)}"


def _mark(state: LessonState, mark: str) -> None:
    kind, english = state["queue"].pop(0)
    state["marks"] += mark
    if mark != "f" and english and english not in state["weak"]:
        state["weak"].append(english)
    if kind == "scene":
        state["queue"] += _review(state)
    state["tries"], state["explained"] = 0, False


def _review(state: LessonState) -> list[list[str]]:
    """Two words of the unit, those that went wrong before the others."""
    words = [word.en for word in _unit(state).words]
    first, second = sorted(words, key=lambda en: en not in state["weak"])[:2]
    return [["recall", first], ["meaning", second]]


def _go_on(state: LessonState, remark: str) -> str:
    if state["queue"]:
        return f"{remark} {ask(current_task(state), state['unit'])}"
    last = state["units"] >= SESSION_UNITS
    state["phase"] = "ended" if last else "more"
    return f"{remark} {_session_summary(state) if last else _unit_summary(state)}"


def _stop(state: LessonState) -> str:
    state["phase"] = "ended"
    learnt = f" {score(state['marks'])}" if state["marks"] else ""
    return f"Được, mình dừng ở đây nhé.{learnt} Tạm biệt và hẹn gặp lại bạn!"


# --- answers right and wrong ----------------------------------------------------------------------


def judge(task: Exercise, message: str) -> Grade:
    """Whether `message` does what the task asks for."""
    if task.kind == "sentence":
        return judge_sentence(task.unit.sentence, message)
    if task.kind == "scene":
        return judge_answer(task.unit, message)
    if task.kind == "meaning":
        return judge_meaning(task.word, message)
    return judge_word(task.word, message)


def _right(state: LessonState, verdict: Grade) -> str:
    task, helped = current_task(state), state["tries"] > 0
    remark = _praise(state, verdict)
    if task.kind == "scene":
        remark += f" Mình đáp lại: “{task.unit.reaction}”"
    _mark(state, "h" if helped else "f")
    return _go_on(state, remark)


def _praise(state: LessonState, verdict: Grade) -> str:
    marks = state["marks"]
    number = len(marks) - marks.count("m")
    if verdict is Grade.CLOSE:
        return f"{pick(phrases.ALMOST, number)} “{phrases.correct_answer(current_task(state))}”."
    if state["tries"]:
        return pick(phrases.AT_LAST, number)
    streak = len(marks) - len(marks.rstrip("f")) + 1
    liking = f" Bạn đúng liền {streak} câu rồi đấy!" if streak % 4 == 0 else ""
    return f"{pick(phrases.PRAISE, number)}{liking}"


def _correct(state: LessonState, message: str) -> str:
    return f"{_remark(state, message)} {hint(current_task(state))}"


def _remark(state: LessonState, message: str) -> str:
    task, number = current_task(state), state["said"]
    if _UNSURE.search(message) or _ASKS.search(message):
        return pick(phrases.COMFORT, number)
    if task.kind in {"sentence", "scene"}:
        return _remark_sentence(task, message) or pick(phrases.NOT_YET, number)
    if task.kind != "meaning" and (other := other_word(task.english, message)):
        return f"Ồ, “{other.en}” là “{other.vi}” cơ."
    if task.kind != "meaning" and is_vietnamese(message):
        return "Bạn nói bằng tiếng Anh giúp mình nhé."
    return pick(phrases.NOT_YET, number)


def _remark_sentence(task: Exercise, message: str) -> str:
    expected = tokens(task.unit.sentence if task.kind == "sentence" else task.unit.frame)
    lost = missing(expected, tokens(message))
    if lost and len(lost) <= len(expected) // 2:
        return f"Gần được rồi, chỉ còn thiếu {', '.join(f'“{word}”' for word in lost)}."
    said = other_word("", message)
    return f"Có “{said.en}” rồi, nhưng mình cần cả câu." if said else ""


def _give_up(state: LessonState) -> str:
    missed = state["marks"].count("m")
    remark = f"{pick(phrases.NEVER_MIND, missed)} “{model(current_task(state))}”."
    _mark(state, "m")
    return _go_on(state, remark)


# --- summing up -----------------------------------------------------------------------------------


def _unit_summary(state: LessonState) -> str:
    following = UNITS[(state["unit"] + 1) % len(UNITS)].topic
    return (
        f"Vậy là xong bài {_unit(state).topic}! "
        f"{score(state['marks'][state['unit_from'] :])}"
        f"{to_revise(state['weak'])} Bạn có muốn học tiếp bài {following} không?"
    )


def _session_summary(state: LessonState) -> str:
    topics = [UNITS[(state["unit"] + step) % len(UNITS)].topic for step in (-1, 0)]
    return (
        f"Buổi học hôm nay kết thúc rồi, bạn đã biết cách {topics[0]} và {topics[1]}. "
        f"{score(state['marks'])}{to_revise(state['weak'])} "
        "Bạn học chăm lắm, mình rất vui. Tạm biệt và hẹn gặp lại bạn!"
    )


def _unit(state: LessonState) -> Unit:
    return UNITS[state["unit"]]


def current_task(state: LessonState) -> Exercise:
    """The task in hand; a warm-up is about a word of the unit before."""
    kind, english = state["queue"][0]
    return Exercise(_unit(state), kind, english)

"""Flaws planted into clean transcripts, to see whether checks and judge find them.

Each kind takes a clean transcript and gives one with the flaw, and the messages where it stands; or
None where the transcript has no place for it. The same seed plants the same flaw.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from core.language import detect_language
from core.message import Message
from evaluation.transcripts import Transcript


@dataclass(frozen=True)
class Planted:
    """A transcript with one flaw. `places` are the messages that show it."""

    kind: str
    transcript: Transcript
    places: frozenset[int]


@dataclass(frozen=True)
class _Talk:
    """A clean transcript while a flaw is planted into it; `replies` are the bot's in its turns."""

    messages: Sequence[Message]
    random: Random

    @property
    def replies(self) -> list[int]:
        return [
            index
            for index, one in enumerate(self.messages)
            if one["role"] == "assistant" and one["origin"] != "given" and one["turn"] > 0
        ]

    def choose(self, places: Sequence[int]) -> int | None:
        return self.random.choice(places) if places else None

    def text(self, index: int) -> str:
        return self.messages[index]["content"]

    def with_texts(self, *changes: tuple[int, str]) -> list[Message]:
        told: list[Message] = [{**one} for one in self.messages]
        for index, text in changes:
            told[index]["content"] = text
        return told

    def line_before(self, index: int) -> int | None:
        """The user's line that the reply answers."""
        before = range(index - 1, -1, -1)
        return next((n for n in before if self.messages[n]["role"] == "user"), None)


Found = tuple[list[Message], set[int]] | None
Planter = Callable[[_Talk], Found]


def plant(kind: str, transcript: Transcript, seed: int = 0) -> Planted | None:
    """The transcript with a flaw of a kind of `FLAWS`; None where it has no place for it."""
    found = FLAWS[kind](_Talk(transcript.messages, Random(f"{kind}:{seed}")))  # noqa: S311
    if found is None:
        return None
    messages, places = found
    return Planted(kind, replace(transcript, messages=messages), frozenset(places))


def _replace(talk: _Talk, text: str, places: Sequence[int] | None = None) -> Found:
    at = talk.choose(talk.replies if places is None else places)
    return None if at is None else (talk.with_texts((at, text)), {at})


def _append(talk: _Talk, text: str) -> Found:
    at = talk.choose(talk.replies)
    return None if at is None else (talk.with_texts((at, f"{talk.text(at)} {text}")), {at})


def praise_what_is_wrong(talk: _Talk) -> Found:
    at = talk.choose(talk.replies)
    before = None if at is None else talk.line_before(at)
    if at is None or before is None:
        return None
    wrong, praise = talk.random.choice(_WRONG_ANSWERS), talk.random.choice(_PRAISE)
    return talk.with_texts((before, wrong), (at, praise)), {at}


def repeat_a_reply(talk: _Talk) -> Found:
    long = [n for n in talk.replies if len(talk.text(n).split()) >= 4]
    at = talk.choose(long[1:])
    return None if at is None else (talk.with_texts((at, talk.text(long[0]))), {at})


def answer_in_another_language(talk: _Talk) -> Found:
    spoken = " ".join(talk.text(n) for n in talk.replies)
    return _replace(talk, _VIETNAMESE if detect_language(spoken) == "en" else _ENGLISH)


def say_nothing(talk: _Talk) -> Found:
    return _replace(talk, "")


def break_off(talk: _Talk) -> Found:
    at = talk.choose([n for n in talk.replies if len(talk.text(n).split()) >= 6])
    if at is None:
        return None
    text = talk.text(at)
    middle = text.rindex(" ", 0, len(text) * 2 // 3)
    return talk.with_texts((at, text[: middle + 3])), {at}


def leak_a_template(talk: _Talk) -> Found:
    at = talk.choose(talk.replies)
    if at is None:
        return None
    first, _, rest = talk.text(at).partition(" ")
    return talk.with_texts((at, f"{first} {{{{user_name}}}}, {rest}")), {at}


def contradict_itself(talk: _Talk) -> Found:
    at = talk.choose(talk.replies[1:])
    if at is None:
        return None
    earlier = talk.text(talk.replies[0]).split(".")[0][:120]
    denied = f"Không phải vậy đâu: mình chưa bao giờ nói “{earlier}”, điều đó sai hoàn toàn."
    return talk.with_texts((at, denied)), {at}


def forget_a_fact(talk: _Talk) -> Found:
    replies = talk.replies
    told = None if not replies else talk.line_before(replies[0])
    at = talk.choose(replies[2:])
    if at is None or told is None:
        return None
    name = f"Con tên là Bi. {talk.text(told)}"
    return talk.with_texts((told, name), (at, "Bạn chưa cho mình biết tên. Bạn tên là gì?")), {at}


def skip_a_step(talk: _Talk) -> Found:
    """A reply in the middle and the line after it are gone: the bot jumps ahead."""
    middle = [n for n in talk.replies[1:-1] if n + 2 < len(talk.messages)]
    at = talk.choose([n for n in middle if talk.messages[n + 1]["role"] == "user"])
    if at is None:
        return None
    messages = [*talk.messages[:at], *talk.messages[at + 2 :]]
    return messages, {at}


def swap_two_replies(talk: _Talk) -> Found:
    pairs = list(zip(talk.replies, talk.replies[1:], strict=False))
    if not pairs:
        return None
    one, other = talk.random.choice(pairs)
    return talk.with_texts((one, talk.text(other)), (other, talk.text(one))), {one, other}


def be_rude(talk: _Talk) -> Found:
    return _append(talk, talk.random.choice(_RUDE))


def answer_as_the_user(talk: _Talk) -> Found:
    return _replace(talk, talk.random.choice(_USER_LINES))


def leak_json(talk: _Talk) -> Found:
    return _replace(talk, '{"status": 0, "msg": "Success", "data": {"message": null}}')


def leak_a_stack_trace(talk: _Talk) -> Found:
    trace = 'Traceback (most recent call last):\n  File "bot.py", line 41, in reply\nKeyError'
    return _append(talk, trace)


def ramble(talk: _Talk) -> Found:
    everything = " ".join(talk.text(n) for n in talk.replies)
    words = (everything.split() * 200)[:300]
    return _replace(talk, " ".join(words)) if words else None


_WRONG_ANSWERS = ("banana rocket", "con voi bay trên trời", "seven purple windows")
_PRAISE = (
    "Đúng rồi, giỏi lắm! Mình sang câu tiếp theo nhé.",
    "Chính xác, bạn nói rất hay!",
    "Tuyệt vời, đúng hoàn toàn.",
)
_ENGLISH = (
    "That is a very good question, and I would like you to think about it for a moment before you "
    "answer me, because the next part of this lesson will be much harder than the last one."
)
_VIETNAMESE = (
    "Câu hỏi này rất hay, bạn hãy suy nghĩ một chút trước khi trả lời mình nhé, vì phần tiếp theo "
    "của bài học sẽ khó hơn phần vừa rồi rất nhiều."
)
_RUDE = (
    "Sao mà ngu thế, hỏi mãi không xong.",
    "Im đi, đừng làm phiền nữa, đồ ngốc.",
    "You are so stupid, shut up.",
)
_USER_LINES = (
    "Con không biết từ này, cô nói lại giúp con được không ạ?",
    "Em chịu, khó quá. Thầy cho em xin đáp án với ạ.",
    "Con khát nước rồi, con muốn nghỉ ạ.",
)

FLAWS: dict[str, Planter] = {
    "wrong_praise": praise_what_is_wrong,
    "repeated_reply": repeat_a_reply,
    "wrong_language": answer_in_another_language,
    "empty": say_nothing,
    "cut": break_off,
    "leaked_template": leak_a_template,
    "contradiction": contradict_itself,
    "forgotten_fact": forget_a_fact,
    "skipped_step": skip_a_step,
    "swapped_turns": swap_two_replies,
    "rudeness": be_rude,
    "answers_as_user": answer_as_the_user,
    "leaked_json": leak_json,
    "stack_trace": leak_a_stack_trace,
    "rambling": ramble,
}

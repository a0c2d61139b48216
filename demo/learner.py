"""The scripted learner: a Vietnamese learner of English made of rules, without a model.

Deterministic: what looks like chance is a hash of the turn and of what the robot just said.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from core.text import strip_marks
from demo.english import is_vietnamese, tokens
from demo.hearing import Memory, Request, find_request, normalize_quotes, quoted_english
from demo.small_talk import PHRASES, TOPICS, Phrases
from demo.typing import mistype, write_as_chat
from nodes.speakers.patterns import matches
from nodes.speakers.personas import Typing
from nodes.speakers.script import Rule, Script

READY = "sẵn sàng"
_TYPES_WELL = Typing()
_REMEMBERED = 40
_LONGEST = 2000
_SLIP = "slip 10208"
"""Seeds the slips: of many tried, the one that makes the demo lesson most worth watching."""
_FAREWELL = re.compile(r"tạm biệt|hẹn gặp lại|\b(good ?)?bye\b|\bsee you\b", re.IGNORECASE)
_READY = re.compile(r"sẵn sàng|\bready\b|bắt đầu (chưa|nhé|không)", re.IGNORECASE)
_OFFER = re.compile(r"học (tiếp|thêm)|bài (mới|khác|tiếp)|tiếp tục|continue|another", re.IGNORECASE)
_YES_NO = re.compile(r"(không|chưa|chứ|à|hả)\s*\?\s*$", re.IGNORECASE)
_YES_NO_EN = re.compile(
    r"(^|[.!?]\s+)(do|does|did|are|is|was|can|could|will|would|have|has|shall)\b[^.?!]*\?\s*$",
    re.IGNORECASE,
)
_TO_A_PUPIL = re.compile(
    r"\b(chào|của|các) (em|con)\b|\b(em|con) (hãy|thử|nói|đọc|nhắc|có|đã|sẵn|nhé|ơi|muốn|tên)",
    re.IGNORECASE,
)
_SMALL = {"is", "are", "am", "a", "an", "the", "some", "would", "may"}

_BY_EAR = [
    (re.compile(pattern), written)
    for pattern, written in (
        (r"([a-z])\1", r"\1"),
        (r"([aeiou])[aeiou]", r"\1"),
        (r"l(?=[dk])", ""),
        (r"ge$", "ch"),
        (r"er$", "or"),
        (r"c(?=[ei])", "s"),
        (r"an", "ann"),
    )
]


class ScriptLine(NamedTuple):
    """A line of a script, whether it is the last one, and the behaviour that it shows."""

    text: str
    leaves: bool = False
    behaviour: str | None = None


def next_line(messages: Sequence[Mapping[str, Any]], *, language: str = "vi") -> str:
    """What the learner says next. Never empty.

    `messages` are `{"role": "user" | "assistant", "content": str}`, oldest first: the learner is
    the user. `language` is a tag; all but `vi…` get a learner who keeps to English.
    """
    vietnamese = language.casefold().startswith("vi")
    return play_script(messages, Script(language="vi" if vietnamese else "en")).text


def play_script(
    messages: Sequence[Mapping[str, Any]],
    script: Script,
    seed: str = "",
    typing: Typing = _TYPES_WELL,
) -> ScriptLine:
    """What a person with this script says next.

    The same messages, script and seed give the same line.
    """
    return _Learner(messages, script, seed, typing).line()


def say_goodbye(
    messages: Sequence[Mapping[str, Any]], script: Script, seed: str, typing: Typing
) -> ScriptLine:
    """The last line of a person with this script, said now."""
    learner = _Learner(messages, script, seed, typing)
    return ScriptLine(learner.type_out(learner.choose(learner.say.goodbye)), True, "wraps_up")


class _Learner:
    """One look at a conversation. `own` and `heard` are what each side said, oldest first."""

    def __init__(
        self, messages: Sequence[Mapping[str, Any]], script: Script, seed: str, typing: Typing
    ) -> None:
        self.script, self.rates, self.seed, self.typing = script, script.rates, seed, typing
        self.own = [str(m["content"]) for m in messages if m["role"] == "user"]
        said = _robot_lines(messages)[-_REMEMBERED:]
        self.heard = [normalize_quotes(line[-_LONGEST:]) for line in said]
        self.vietnamese = script.language == "vi"
        self.say: Phrases = replace(PHRASES[script.language], **script.phrases)  # type: ignore[arg-type]
        self.memory = Memory(self.heard)
        self.behaviour: str | None = None

    @property
    def robot(self) -> str:
        """What the robot said last."""
        return self.heard[-1] if self.heard else ""

    @property
    def me(self) -> str:
        """How a learner calls himself to this robot."""
        return "em" if _TO_A_PUPIL.search(self.robot) else "mình"

    def line(self) -> ScriptLine:
        line, leaves = self.choose_line()
        return ScriptLine(self.type_out(line), leaves, self.behaviour)

    def type_out(self, line: str) -> str:
        """The line as this person's fingers have it."""
        if self.chance(self.typing.chat_words, "chat"):
            line = write_as_chat(line)
        if self.chance(self.typing.typos, "typo"):
            line = mistype(line, self.roll(1000, "typed"))
        if self.chance(self.typing.no_tones, "tones"):
            line = strip_marks(line)
        return line.lower() if self.chance(self.typing.no_capitals, "case") else line

    def behaves(self, name: str, purpose: str = "") -> bool:
        """Whether the person does that now, at its rate; noted, so that it can be counted."""
        happens = self.chance(getattr(self.rates, name), purpose or name.replace("_", " "))
        self.behaviour = name if happens else self.behaviour
        return happens

    def choose_line(self) -> tuple[str, bool]:
        if not self.heard:
            ready = [READY, *self.say.ready] if self.vietnamese else self.say.ready
            return self.choose(ready, 0), False
        if self.has_lost_patience():
            return self.choose(self.say.goodbye), True
        if rule := self.matching_rule():
            return self.choose([self.fill_in(text) for text in rule.say]), rule.leaves
        return self.stray() or self.respond(), False

    def stray(self) -> str | None:
        """Something else than a plain answer, where the person is in the mood for it."""
        if self.behaves("tangent"):
            return self.choose(self.say.tangent)
        if self.behaves("off_topic"):
            return self.choose(self.say.off_topic)
        if self.behaves("impatient"):
            forms = self.say.impatient
            return self.fill_in(self.as_me(forms[len(self.own) % len(forms)]))
        return None

    def has_lost_patience(self) -> bool:
        limit = self.script.patience
        if limit is None or len(self.heard) <= limit:
            return False
        requests = [find_request(line) for line in self.heard[-limit - 1 :]]
        return requests[0] is not None and all(each == requests[0] for each in requests)

    def matching_rule(self) -> Rule | None:
        for number, rule in enumerate(self.script.rules):
            heard = matches(rule.when, self.robot)
            if heard and self.chance(rule.rate, f"rule {number}"):
                return rule
        return None

    def fill_in(self, phrase: str) -> str:
        """A rule's phrase with the answer that the robot asks for; without one, with nothing."""
        asked = find_request(self.robot) if "{}" in phrase else None
        right = (asked and self.right(asked)) or ""
        return _fill(phrase, right).lstrip(" .,") if "{}" in phrase else phrase

    def respond(self) -> str:
        asked = find_request(self.robot)
        if asked and asked.kind != "question":
            return self.answer(asked)
        if _FAREWELL.search(self.robot):
            left = bool(self.own) and bool(_FAREWELL.search(self.own[-1]))
            return self.choose(self.say.stay if left else self.say.goodbye)
        if asked:
            return self.talk(asked.text)
        if _OFFER.search(self.robot) and "?" in self.robot:
            return self.choose(self.say.go_on)
        return self.talk(self.robot)

    # --- the lesson ---------------------------------------------------------------------------

    def answer(self, asked: Request) -> str:
        """Right, most of the time."""
        again = len(self.heard) > 1 and find_request(self.heard[-2]) == asked
        right = self.right(asked)
        if right is None:
            return self.choose(self.say.unsure)
        if self.behaves("misunderstands", "again"):
            return self.choose(self.say.hard)
        if self.chance(self.rates.wrong_again if again else self.rates.wrong_answer, _SLIP):
            self.behaviour = "wrong_answer"
            return self.choose(self.slip(asked, right))
        if self.behaves("one_word"):
            return right
        if self.behaves("hesitates"):
            return self.choose([_fill(form, right) for form in self.say.hesitant])
        forms = self.forms(asked, again)
        # By turns and not by dice: two answers in a row should not be framed alike.
        return self.choose([_fill(form, right) for form in forms], len(self.own) % len(forms))

    def right(self, asked: Request) -> str | None:
        """The right answer; None where it was never taught."""
        if asked.kind == "recall":
            return self.memory.english(asked.text)
        if asked.kind == "meaning":
            return self.memory.meaning(asked.text)
        return self.fill(asked.text) if asked.kind == "frame" else asked.text

    def fill(self, frame: str) -> str:
        """A sentence that begins so: one that was taught, with another word in it."""
        known = self.memory.sentence(frame)
        words = self.memory.words or ["coffee"]
        old = next((word for word in words if known and word in tokens(known)), "")
        others = [word for word in words if word != old] or words
        fresh = others[self.roll(len(others), "word")]
        return known.replace(old or fresh, fresh) if known else f"{frame} {fresh}."

    def forms(self, asked: Request, again: bool) -> Sequence[str]:
        scene = asked.kind == "frame"
        long = scene or len(tokens(asked.text)) > 2
        if again:
            return self.say.retry_sentence if long else self.say.retry
        if asked.kind in {"recall", "meaning"}:
            return self.say.recalled
        if scene:
            return self.say.scene
        return self.say.sentence if long else self.say.word

    def slip(self, asked: Request, right: str) -> list[str]:
        """Ways to get it wrong, as learners do."""
        if asked.kind in {"recall", "meaning"}:
            return [*self.guesses(asked, right), *self.say.unsure]
        if asked.kind == "frame":
            return [*_drop_small_word(right), *self.say.stuck]
        if len(tokens(right)) > 2:
            return [*_drop_small_word(right), *self.say.hard[1:]]
        return [_misspell(right), *self.in_vietnamese(right), *self.say.hard[:1]]

    def guesses(self, asked: Request, right: str) -> list[str]:
        words = self.memory.words
        known = words if asked.kind == "recall" else map(self.memory.meaning, words)
        return [_fill(self.say.guess[0], other) for other in known if other and other != right]

    def in_vietnamese(self, english: str) -> list[str]:
        meaning = self.memory.meaning(english)
        return [_fill(self.say.guess[-1], meaning)] if meaning and self.vietnamese else []

    # --- anything else ------------------------------------------------------------------------

    def talk(self, line: str) -> str:
        """A short answer to a question or a remark, in the language that it was put in."""
        say = self.say if is_vietnamese(line) else PHRASES["en"]
        if not line.strip():
            return self.choose(self.say.silence)
        if _READY.search(line):
            return self.choose(say.ready)
        if "?" not in line:
            quoted = quoted_english(line)
            return self.choose([quoted[-1]] if quoted else say.listening)
        topic = next((t for t in TOPICS if t.pattern.search(line)), None)
        if topic:
            return self.choose(topic.vi if self.vietnamese and is_vietnamese(line) else topic.en)
        if _YES_NO.search(line) or _YES_NO_EN.search(line):
            return self.choose(say.yes)
        return self.choose(say.puzzled)

    # --- choosing -----------------------------------------------------------------------------

    def roll(self, sides: int, purpose: str = "") -> int:
        text = f"{purpose}|{len(self.own)}|{self.robot}"
        text = f"{self.seed}|{text}" if self.seed else text
        digest = hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=4).digest()
        return int.from_bytes(digest) % sides

    def chance(self, rate: float, purpose: str) -> bool:
        """Whether what happens at that rate happens now; a third and a sixth as dice show them."""
        sides = round(1 / rate) if rate else 0
        if sides and abs(rate * sides - 1) < 1e-9:
            return self.roll(sides, purpose) == 0
        return self.roll(10_000, purpose) < rate * 10_000

    def choose(self, options: Sequence[str], start: int | None = None) -> str:
        """One of the options, not among the last things said where that can be avoided."""
        first = self.roll(len(options)) if start is None else start
        turned = [*options[first:], *options[:first]]
        lines = [self.as_me(option) for option in turned]
        for recent in (self.own[-3:], self.own[-1:]):
            fresh = [line for line in lines if line not in recent]
            if fresh:
                return fresh[0]
        return _fill(self.say.insist, lines[0])

    def as_me(self, option: str) -> str:
        line = re.sub(r"(^|[.!?] )\{me\}", rf"\1{_capital(self.me)}", option)
        return line.replace("{me}", self.me)


def _robot_lines(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the robot said each time; bubbles in a row are one line."""
    turns = groupby(messages, key=lambda message: message["role"])
    return [
        " ".join(str(m["content"]) for m in said) for role, said in turns if role == "assistant"
    ]


def _fill(form: str, text: str) -> str:
    """`form` with `text` in it, as the form's own sentence where it begins with it."""
    if form == "{}":
        return text
    form = _capital(text) + form[2:] if form.startswith("{}") else form
    # A sentence in the middle of a line keeps its own full stop, and only that.
    return re.sub(r"([.!?])[.,]", r"\1", form.replace("{}", text))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _misspell(word: str) -> str:
    """As one who writes by ear: “juice” → “juce”, “apple” → “aple”, “orange” → “oranch”."""
    for pattern, written in _BY_EAR:
        changed = pattern.sub(written, word, count=1)
        if changed != word:
            return changed
    return word[:-1] or word


def _drop_small_word(sentence: str) -> list[str]:
    """Without one of the small words that Vietnamese has no use for."""
    words = sentence.split()
    small = [i for i, word in enumerate(words) if word.casefold() in _SMALL]
    return [_capital(" ".join(words[:i] + words[i + 1 :])) for i in small or [len(words) - 1]]

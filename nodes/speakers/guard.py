"""What a simulated person never types. A line with a fault is refused whole, never edited.

Pure functions of the line and of what it answers. Vietnamese and English alike.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from core.language import count_words
from nodes.speakers import phrases

Kind = Literal[
    "teaches", "praises_as_teacher", "offers_help", "as_an_ai", "refuses", "wrong_language",
    "code_fence", "json", "speaker_label", "dialogue", "too_long", "control_tokens",
    "system_prompt", "stage_direction", "note", "thoughts", "template", "echo",
    "repeats_itself", "goal_recited", "markdown", "noise", "quoted", "glossed",
]  # fmt: skip


class Fault(NamedTuple):
    """Why a line is refused: `reason` is an English sentence that the model is shown."""

    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a line is judged against.

    `languages` are the person's own (`vi`, `en`), the main one first; empty means any. `briefing`
    is everything that the model was told. `longest` counts words.
    """

    name: str = ""
    languages: tuple[str, ...] = ()
    briefing: str = ""
    goal: str = ""
    bot_line: str = ""
    own_lines: Sequence[str] = ()
    longest: int = 120

    @property
    def first_name(self) -> str:
        """`Minh` of "Minh, a learner of English"."""
        return self.name.split(",")[0].strip()

    @property
    def is_first(self) -> bool:
        return not self.own_lines


def find_fault(line: str, situation: Situation) -> Fault | None:
    """The first fault of a line, None where a person may have typed it."""
    line = unicodedata.normalize("NFC", line).translate(_QUOTES)
    for kind, finds, reason in _FAULTS:
        if finds(line, situation):
            return Fault(kind, reason)
    return None


_QUOTES = str.maketrans("‘’", "''")


def _matches(pattern: re.Pattern[str], marks: str = "") -> Callable[[str, Situation], bool]:
    """`marks` are letters of which any match holds one: most lines need not be searched."""
    needed = frozenset(marks)
    return lambda line, _: (
        not (needed and needed.isdisjoint(_letters(line))) and bool(pattern.search(line))
    )


@lru_cache(maxsize=8)
def _letters(line: str) -> frozenset[str]:
    return frozenset(line)


def _holds(frames: phrases.Frames) -> Callable[[str, Situation], bool]:
    return lambda line, _: any(frame.pattern.search(line) for frame in may_match(frames, line))


def _says(frames: phrases.Frames) -> Callable[[str, Situation], bool]:
    """A phrase that is said, and not asked about: "repeat after me là gì vậy cô"."""
    return lambda line, _: any(
        not phrases.ASKED_ABOUT.match(line, found.end())
        for frame in may_match(frames, line)
        for found in frame.pattern.finditer(line)
    )


def may_match(frames: phrases.Frames, line: str) -> Sequence[phrases.PhraseFrame]:
    """The frames of which the line holds a word; most lines hold none."""
    words = _distinct_words(line)
    if words is None:
        return frames.parts
    if words.isdisjoint(frames.words):
        return ()
    return [frame for frame in frames.parts if not words.isdisjoint(frame.words)]


@lru_cache(maxsize=8)
def _distinct_words(line: str) -> frozenset[str] | None:
    """The words of a line; None where not all are known, or `re` may fold them otherwise."""
    if len(line) > _READ or any(letter in line for letter in _OTHERWISE_FOLDED):
        return None
    return frozenset(_words(line))


_OTHERWISE_FOLDED = "İıſ"


def _is_noise(line: str, _: Situation) -> bool:
    """The same few letters twenty times over; few lines hold any letter that often."""
    if len(line) < phrases.STUCK_AFTER or max(Counter(line).values()) < phrases.STUCK_AFTER:
        return False
    return bool(phrases.NOISE.search(line))


def _is_dialogue(line: str, situation: Situation) -> bool:
    if ":" not in line:
        return False
    if len(phrases.match_turn(situation.first_name).findall(line)) >= 2:
        return True
    label = phrases.match_label(situation.first_name)
    count = sum(1 for _ in label.finditer(line))
    return count >= 2 or (count == 1 and label.match(line) is None)


def _has_label(line: str, situation: Situation) -> bool:
    if ":" not in line and "：" not in line and "[" not in line:
        return False
    found = phrases.match_label(situation.first_name).match(line)
    # "Bot: nghĩa là người máy hả cô?" asks about the word.
    return found is not None and not phrases.DEFINES.match(line[found.end() :])


def _is_narrated(line: str, situation: Situation) -> bool:
    """“Minh scratched his head and said: …”"""
    return bool(phrases.match_narration(situation.first_name).match(line))


def _is_announced(line: str, situation: Situation) -> bool:
    """“As Minh, I would reply: …”"""
    name = situation.first_name
    named = ":" in line or (name != "" and name in line)
    return named and bool(phrases.match_preface(name).search(line))


def _leaves_blanks(line: str, situation: Situation) -> bool:
    """An exercise that the bot did not set."""
    if "_" in line and phrases.BLANK.search(line):
        return not phrases.BLANK.search(situation.bot_line)
    return "?" in line and bool(phrases.CHOICES.search(line))


def _is_glossed(line: str, _: Situation) -> bool:
    """A sentence, and the same in the other language for whoever reads the transcript."""
    found = _GLOSS.search(line) if any(mark in line for mark in "([—") else None
    if found is None or "?" in line:
        return False
    inside, outside = found[1] or found[2], line[: found.start()]
    if _TRANSLATION.match(inside):
        return True
    inner, outer = count_words(inside), count_words(outside)
    into_english = inner.en >= 2 and inner.vi == 0 and outer.vi >= 2 and outer.en == 0
    into_vietnamese = inner.vi >= 2 and inner.en == 0 and outer.en >= 2 and outer.vi == 0
    return into_english or into_vietnamese


_GLOSS = re.compile(r"\s[(\[]([^()\[\]\n]+)[)\]][.!]?\s*\Z|\s—\s([^—\n]+)\Z")
_TRANSLATION = re.compile(r"(?:translation|translated|dịch|nghĩa tiếng \w+)\s*:", re.IGNORECASE)


def _is_too_long(line: str, situation: Situation) -> bool:
    return len(line.split()) > situation.longest or len(line) > 12 * situation.longest


def _is_wrong_language(line: str, situation: Situation) -> bool:
    """A short line is no evidence, and what the bot said may be said again."""
    if not situation.languages:
        return False
    counts = count_words(line)
    if counts.other > counts.vi + counts.en:
        return True
    words = sum(len(word) > 1 for word in _words(line))
    if words >= _ENOUGH and counts.total * 3 <= words:
        return True
    other = {"vi": counts.en, "en": counts.vi}.get(situation.languages[0], 0)
    own = {"vi": counts.vi, "en": counts.en}.get(situation.languages[0], 0)
    enough = _ENOUGH_OF_A_MIXER if len(situation.languages) > 1 else _ENOUGH
    return own == 0 and other >= enough and not _is_said_after(line, situation.bot_line)


_ENOUGH, _ENOUGH_OF_A_MIXER = 6, 8


def _is_said_after(line: str, bot_line: str) -> bool:
    said = set(_words(bot_line))
    words = _words(line)
    return bool(words) and sum(word in said for word in words) >= 0.8 * len(words)


def _is_echo(line: str, situation: Situation) -> bool:
    """The bot's whole line again; a phrase that it wanted repeated is shorter than its line."""
    words = _words(line)
    if len(words) >= _LONG_ENOUGH and words == _words(situation.bot_line):
        return True
    if len(words) >= _LONG_ENOUGH and _asks_the_same(words, situation.bot_line):
        return True
    # Its request with the quotation marks: "Bạn nói theo mình: “juice”."
    return len(words) >= _REQUEST and _QUOTE in line and line.strip() in situation.bot_line


def _asks_the_same(words: tuple[str, ...], bot_line: str) -> bool:
    """Whole sentences of the bot, unless it wanted something repeated."""
    if not words or words[-1] not in _words(bot_line) or phrases.WANTS_REPEATED.search(bot_line):
        return False
    said = " ".join(words)
    sentences = [" ".join(_words(part)) for part in _SENTENCE.split(bot_line)]
    runs = (" ".join(sentences[at:]) for at in range(1, len(sentences)))
    return any(run.strip() == said for run in runs) or said in sentences


_SENTENCE = re.compile(r"(?<=[.!?…:])\s+")
_REQUEST, _QUOTE = 4, "“"


def _is_own_line_again(line: str, situation: Situation) -> bool:
    """A long line word for word; short ones are said again and again."""
    words = _words(line)
    recent = situation.own_lines[-_REMEMBERED:]
    return len(words) >= _LONG_ENOUGH and any(words == _words(own) for own in recent)


_LONG_ENOUGH, _REMEMBERED = 8, 3


def _holds_briefing(line: str, situation: Situation) -> bool:
    """Eight words in a row that only the model was told."""
    words = _words(line)
    return len(words) >= _RUN and not _runs(words).isdisjoint(_runs_of(situation.briefing))


_RUN = 8


def _runs(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(words[at : at + _RUN] for at in range(len(words) - _RUN + 1))


@lru_cache(maxsize=64)
def _runs_of(briefing: str) -> frozenset[tuple[str, ...]]:
    return _runs(_words(briefing))


def _recites_goal(line: str, situation: Situation) -> bool:
    if not situation.is_first:
        return False
    return bool(phrases.STATES_GOAL.search(line)) or _overlap(line, situation) >= _RECITED


def _overlap(line: str, situation: Situation) -> int:
    """How many longer words of the line stand in the goal and the description."""
    told = {word for word in _words(situation.goal) if len(word) > 3}
    return len({word for word in _words(line) if word in told})


_RECITED = 6


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """The words of a line; a line is looked at from several sides, and again in later turns."""
    return tuple(_WORD.findall(unicodedata.normalize("NFC", text[:_READ]).casefold()))


_WORD, _READ = re.compile(r"\w+"), 20_000


_OF_CONTROL = (
    "<[\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_FAULTS: tuple[tuple[Kind, Callable[[str, Situation], bool], str], ...] = (
    (
        "control_tokens",
        _matches(phrases.CONTROL, _OF_CONTROL),
        "The line held a model's control tokens.",
    ),
    ("thoughts", _holds(phrases.THOUGHTS), "The line held thoughts."),
    ("code_fence", _matches(phrases.FENCE, "`~"), "The line held a code block."),
    ("json", _matches(phrases.JSON, "[{\\"), "The line was data, not what a person types."),
    ("too_long", _is_too_long, "The line was far too long."),
    ("dialogue", _is_dialogue, "The line held a whole dialogue."),
    ("speaker_label", _has_label, "The line began with a speaker's name."),
    (
        "template",
        _matches(phrases.TEMPLATE, "[{<"),
        "The line held a place that was not filled in.",
    ),
    ("template", _matches(phrases.NOTHING), "The line was an empty value."),
    ("note", _holds(phrases.NOTE), "The line held a note about the line."),
    (
        "note",
        _holds(phrases.REVIEW),
        "The line spoke about the talk, or gave lines to choose from.",
    ),
    ("stage_direction", _matches(phrases.STAGE, "*_([~"), "The line held a stage direction."),
    ("note", _is_announced, "The line announced itself."),
    ("stage_direction", _is_narrated, "The line told a story about the person."),
    ("noise", _is_noise, "The line repeated the same letters again and again."),
    ("noise", _matches(phrases.MOJIBAKE, "º»Ã€ÄÆ"), "The letters of the line were broken."),
    ("markdown", _matches(phrases.MARKDOWN, "<`#*|\n[]"), "The line was formatted as a document."),
    ("as_an_ai", _holds(phrases.AS_AN_AI), "The person spoke as an AI."),
    ("refuses", _holds(phrases.REFUSES), "The model refused to play the person."),
    ("system_prompt", _holds(phrases.LEAKS), "The line spoke of the instructions."),
    ("system_prompt", _holds_briefing, "The line repeated the instructions."),
    ("goal_recited", _recites_goal, "The first line recited the goal."),
    ("offers_help", _says(phrases.OFFERS_HELP), "The person offered help, as the bot would."),
    ("praises_as_teacher", _says(phrases.PRAISES), "The person praised as a teacher would."),
    ("teaches", _says(phrases.TEACHES), "The person taught, as the bot would."),
    ("teaches", _says(phrases.EXPLAINS), "The person explained, as the bot would."),
    ("teaches", _leaves_blanks, "The person set an exercise, as the bot would."),
    ("glossed", _is_glossed, "The line was said twice, in two languages."),
    ("quoted", _matches(phrases.WHOLLY_QUOTED, '"“«'), "The line stood in quotation marks."),
    ("echo", _is_echo, "The line repeated the bot's line."),
    ("repeats_itself", _is_own_line_again, "The person said the same long line again."),
    ("wrong_language", _is_wrong_language, "The line was in the wrong language."),
)

"""A model that plays both sides of a talk, and does what it is told to the letter.

As a user it tells every fact that stands anywhere in its prompt, shows the behaviour of the turn by
a word of its own, and types as it is told. As a bot it asks about one thing or another, drawn from
its system prompt. The same request gets the same answer.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random

from core.text import strip_marks
from nodes.speakers.prompting import Persona, instruct, read_sections

Line = Mapping[str, str]
USER = "You play a person"
QUESTIONS = (
    "Con giỏi lắm, mình học từ tiếp theo nhé.",
    "Nhà con có nuôi con vật nào không?",
    "Con thích ăn món gì nhất?",
    "Mình đọc to từ này nào.",
    "Hôm nay con học ở trường vui không?",
)
PRESSES = "Con kể thật đi, có chuyện gì vậy?"
WORDS = {
    "one_word": "ừa",
    "wrong_answer": "chắc là bàn ghế",
    "misunderstands": "ủa cái ghế hả",
    "tangent": "mà nay con đi bơi",
    "asks_back": "nói lại giúp con",
    "hesitates": "hình như vậy",
    "impatient": "lâu quá đi",
    "off_topic": "con thích máy bay",
}
"""What it says where a behaviour was drawn, and never else."""
FILLERS = "dạ con nghe rồi|con học nè|vâng ạ con thử|con đang nghĩ|dạ con đọc theo".split("|")
MISTAKES = (
    "As an AI language model, I cannot play a learner.",
    "Giỏi lắm! Bây giờ con hãy nhắc lại theo cô nhé.",
    '{"reply": "dạ con biết rồi"}',
    "Minh: dạ con biết\nBot: Giỏi lắm!",
)


class Player:
    """Answers prompts; every `mistaken`-th line as a user is first one that nobody would type."""

    def __init__(self, persona: Persona, mistaken: int = 0) -> None:
        self._persona = persona
        self._mistaken = mistaken
        self._count = 0
        names = WORDS.keys() & persona.behaviours.keys()
        self._words = {instruct(persona, name): WORDS[name] for name in names}

    def answer(self, prompt: Sequence[Line]) -> str:
        if not prompt[0]["content"].startswith(USER):
            return self._ask(prompt)
        note = prompt[-1]["content"].rpartition("(Turn ")[2]
        self._count += 1
        if self._mistaken and self._count % self._mistaken == 0 and "was refused" not in note:
            return MISTAKES[self._count // self._mistaken % len(MISTAKES)]
        return self._say(prompt, note)

    def _ask(self, prompt: Sequence[Line]) -> str:
        chance = Random(f"{prompt[0]['content']}/{len(prompt)}")
        return PRESSES if chance.random() < 0.1 else chance.choice(QUESTIONS)

    def _say(self, prompt: Sequence[Line], note: str) -> str:
        told = "\n".join(line["content"] for line in prompt)
        own = "\n".join(line["content"] for line in prompt if line["role"] == "assistant")
        turn = int(note.partition(".")[0])
        said = [word for given, word in self._words.items() if given in note]
        for fact in self._persona.facts:
            waits = fact.when == "pressed" and PRESSES not in told
            if fact.fact in told and fact.fact not in own and not waits:
                said.append(fact.fact)
        line = ", ".join([FILLERS[turn % len(FILLERS)], *said])
        return strip_marks(line) if read_sections("typing")["no_tones"] in note else line


def reads_as(word: str, line: str) -> bool:
    """Whether a line of the player holds these words, typed with tone marks or without."""
    return re.search(rf"(?<!\w){re.escape(strip_marks(word))}(?!\w)", strip_marks(line)) is not None

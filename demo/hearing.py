"""What the scripted learner makes of a robot's line: which English is find_request of it. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from demo.english import is_vietnamese, tokens

Kind = Literal["say", "recall", "meaning", "frame", "question"]

_CURLY = (
    (re.compile(r'["«„]([^"«»„“”\n]{1,300})["»”“]'), r"“\1”"),
    (re.compile(r"\*\*([^*\n]{1,300})\*\*"), r"“\1”"),
    (re.compile(r"(?<!\w)['‘]([^'‘’“”\n]{1,200}(?:['’]\w[^'‘’“”\n]{0,200})*)['’](?!\w)"), r"“\1”"),
)
_QUOTED = re.compile(r"“([^“”]+)”")
_SAY = re.compile(
    r"(nói|đọc|(nhắc|lặp|viết) lại|viết|đánh vần|\b(say|repeat|read|write|spell|type)\b)[^.!?“”]*$",
    re.IGNORECASE,
)
_OPEN_SAY = re.compile(
    r"(?:(?:nói|đọc|nhắc lại|lặp lại|say|repeat)(?: theo)?(?: (?:after me|mình|tôi|cô|thầy))?)"
    r"\s*:\s*([A-Za-z][^\n“”]*?[.!?]?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_IN_ENGLISH = re.compile(r"^[^“”?]{0,50}(tiếng Anh|in English)[^“”]{0,40}\?", re.IGNORECASE)
_WHICH_WORD = re.compile(r"(từ nào|how do you say)[^“”?]*$", re.IGNORECASE)
_MEANS_WHAT = re.compile(r"^[^“”?.]{0,40}(nghĩa là gì|là gì|\bmean\b)[^“”]{0,20}\?", re.IGNORECASE)
_WHAT_MEANS = re.compile(r"what does[^“”?]*$", re.IGNORECASE)
_GAP = re.compile(r"…|\.\.\.|_{2,}")
_PAIR = re.compile(r"“([^“”]+)”[ ,:=(–-]*(?:(?:có )?nghĩa là|là|means)?[ :]*\(?“([^“”]+)”")
_BARE_PAIR = re.compile(r"“([^“”]+)”,?(?: (?:có )?nghĩa là | \()(?!gì)([^“”.,!?():]{1,40})")


class Request(NamedTuple):
    """`text` is the English to say or fill in, or the words whose translation is find_request."""

    kind: Kind
    text: str


def normalize_quotes(line: str) -> str:
    """The line in NFC with every kind of quotation written “so”."""
    line = unicodedata.normalize("NFC", line)
    for pattern, replacement in _CURLY:
        line = pattern.sub(replacement, line)
    return line


def is_english(text: str) -> bool:
    """Unmarked Latin letters, more than one: good enough for what robots put in quotes."""
    return not is_vietnamese(text) and bool(re.search(r"[A-Za-z]{2}", text))


def find_request(line: str) -> Request | None:
    """What a line (as given by `normalize_quotes`) asks for; where it asks twice, the later one."""
    found = [ask for ask in _find_requests(line) if ask]
    if found:
        return found[-1]
    said = _OPEN_SAY.search(line)
    if said and is_english(said[1]):
        return Request("say", said[1].strip())
    questions = [q for q in _QUOTED.findall(line) if is_english(q) and q.rstrip().endswith("?")]
    return Request("question", questions[-1]) if questions else None


def _find_requests(line: str) -> Iterator[Request | None]:
    for quote in _QUOTED.finditer(line):
        before, after = line[: quote.start()], line[quote.end() :]
        if is_english(quote[1]):
            yield _read_request(quote[1].strip(), before, after)
        elif _IN_ENGLISH.search(after) or _WHICH_WORD.search(before[-80:]):
            yield Request("recall", quote[1].strip())


def _read_request(text: str, before: str, after: str) -> Request | None:
    if _MEANS_WHAT.search(after) or _WHAT_MEANS.search(before[-80:]):
        return Request("meaning", text)
    if _GAP.search(text):
        return Request("frame", _GAP.split(text)[0].strip())
    return Request("say", text) if _SAY.search(before[-150:]) else None


def quoted_english(line: str) -> list[str]:
    return [text.strip() for text in _QUOTED.findall(line) if is_english(text)]


class Memory:
    """What the robot taught so far; a later lesson replaces an earlier one of the same word."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.meanings: dict[str, str] = {}
        self.sentences: list[str] = []
        for line in lines:
            self._learn(line)

    def _learn(self, line: str) -> None:
        for english, meaning in [*_BARE_PAIR.findall(line), *_PAIR.findall(line)]:
            if is_english(english) and is_vietnamese(meaning):
                self.meanings[english.strip()] = meaning.strip().rstrip(".")
        texts = quoted_english(line)
        self.sentences += [t for t in texts if len(tokens(t)) > 2 and not _GAP.search(t)]

    @property
    def words(self) -> list[str]:
        """The words of the present unit, more or less: the three learnt last."""
        return [text for text in self.meanings if len(tokens(text)) < 3][-3:]

    def english(self, meaning: str) -> str | None:
        expected = tokens(meaning)
        return next((en for en, vi in self.meanings.items() if tokens(vi) == expected), None)

    def meaning(self, english: str) -> str | None:
        expected = tokens(english)
        return next((vi for en, vi in self.meanings.items() if tokens(en) == expected), None)

    def sentence(self, beginning: str) -> str | None:
        """The latest sentence learnt that begins so."""
        start = tokens(beginning)
        fits = [text for text in self.sentences if tokens(text)[: len(start)] == start]
        return fits[-1] if fits else None

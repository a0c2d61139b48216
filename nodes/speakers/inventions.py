"""Names and figures in a line that nobody gave the person: worth a look, seldom worth a refusal."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from core.message import Invented
from core.text import strip_marks

Kind = Literal["phone", "date", "money", "name", "link"]

_FIGURES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("phone", re.compile(r"(?<![\w.])\+?\d(?:[ .-]?\d){7,13}(?![\w])")),
    (
        "date",
        re.compile(
            r"\b\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?\b|\b\d{4}-\d{2}-\d{2}\b"
            r"|\bngày \d{1,2}(?: tháng \d{1,2})?(?: năm \d{4})?|\btháng \d{1,2} năm \d{4}"
            r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}\b"
            r"|\b\d{1,2}(?:st|nd|rd|th)? (?:of )?(?:january|february|march|april|may|june|july"
            r"|august|september|october|november|december)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "money",
        re.compile(
            r"[$€£]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:đồng|nghìn|ngàn|triệu|tỷ|vnđ|vnd|usd|dollars?"
            r"|euros?|đô(?: la)?)(?!\w)|\b\d+[kđ](?!\w)",
            re.IGNORECASE,
        ),
    ),
)
_LINK = re.compile(r"https?://\S+|\bwww\.\S+|[\w.+-]+@[\w-]+\.\w{2,}", re.IGNORECASE)
_CAPITAL = "A-ZÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝĂĐĨŨƠƯẠ-Ỹ"
_NAME = re.compile(
    rf"(?<=[\w,;] )(?![{_CAPITAL}]\b)[{_CAPITAL}][^\W\d_]+(?: [{_CAPITAL}][^\W\d_]+)*"
)
_INTRODUCED = re.compile(
    r"\b(?:tên|ten)(?: (?:con|em|mình|tôi|nó|là|la|bạn ấy|cô ấy))* ([^\W\d_]{2,})"
    r"|\b(?:named|called|my name is|name(?:'s| is)) ([^\W\d_]{2,})",
    re.IGNORECASE,
)
_NO_NAMES = frozenset(
    """gì gi nào nao sao là la của cua con em mình ai thế the a an the what my your
    monday tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december english vietnamese vietnam việt nam anh tiếng
    i'm ok robot bot facebook tiktok youtube google roblox minecraft""".split()
)


def find_inventions(line: str, given: Callable[[], Iterable[str]]) -> list[Invented]:
    """What of the line's names and figures nobody gave; `given` are the texts of persona and talk.

    `given` is called only where there is something to look for.
    """
    found = list(_find_candidates(line))
    if not found:
        return []
    texts = [_fold(text[:_READ]) for text in given()]
    return [one for one in found if not _is_given(one, texts)]


def _find_candidates(line: str) -> Iterator[Invented]:
    may_link = "@" in line or "://" in line or "www." in line.casefold()
    for link in _LINK.findall(line) if may_link else ():
        yield {"kind": "link", "text": link}
        line = line.replace(link, " ")
    for kind, pattern in _FIGURES if _DIGIT.search(line) else ():
        match = _search_near_digits(pattern, line)
        if match:
            yield {"kind": kind, "text": match[0]}
            line = line.replace(match[0], " ")
    for name in _find_names(line):
        yield {"kind": "name", "text": name}


def _search_near_digits(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """The first match; no figure reaches farther from its digits than that."""
    found = _DIGITS.search(line)
    if found is None:
        return None
    return pattern.search(line[max(0, found.start() - _REACH) : found.end() + _REACH])


_DIGITS, _REACH = re.compile(r"\d(?:.*\d)?", re.DOTALL), 24


def _find_names(line: str) -> Sequence[str]:
    introduced = [match[1] or match[2] for match in _INTRODUCED.finditer(line)]
    names = [*introduced, *_NAME.findall(line)]
    words = (" ".join(w for w in name.split() if w.casefold() not in _NO_NAMES) for name in names)
    return list(dict.fromkeys(name for name in words if name))


def _is_given(one: Invented, texts: Sequence["Folded"]) -> bool:
    if one["kind"] == "name":
        words = strip_marks(one["text"]).casefold().split()
        return all(any(word in text.words for text in texts) for word in words)
    if one["kind"] == "link":
        return any(one["text"].casefold() in text.whole for text in texts)
    digits = re.sub(r"\D", "", one["text"])
    return any(digits in text.digits for text in texts)


class Folded(NamedTuple):
    """A text without marks and case: its words, and its figures without what parts them."""

    whole: str
    words: frozenset[str]
    digits: str


@lru_cache(maxsize=2048)
def _fold(text: str) -> Folded:
    """Kept, since all but the last lines of a talk were looked at in the turn before."""
    bare = unicodedata.normalize("NFC", text).casefold().translate(_BARE)
    figures = re.sub(r"(?<=\d)[ .,/-](?=\d)", "", bare) if _DIGIT.search(bare) else ""
    return Folded(bare, frozenset(re.findall(r"\w+", bare)), figures)


_READ = 20_000


_LETTERS = "àáâãèéêìíòóôõùúýăđĩũơư" + "".join(map(chr, range(0x1EA1, 0x1EFA, 2)))
_BARE = str.maketrans({letter: strip_marks(letter) for letter in _LETTERS})
_DIGIT = re.compile(r"\d")

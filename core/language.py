"""Which language a line is in, by how common its words are: Vietnamese (typed with its marks or
without), English, mixed, or unknown. A line that gives no evidence is unknown, never guessed.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from core.text import strip_marks

Language = Literal["vi", "en"]
Kind = Literal["vi", "en", "mixed", "unknown"]

_TABLE = Path(__file__).with_suffix(".txt")
# What is no word, behind the sign that it cannot be without: a plain search is much quicker.
_NO_WORDS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("://", r"https?://\S*"),
        ("@", r"\S{1,64}@\S+"),
        ("{{", r"\{\{[^{}]*\}\}"),
        ("-", r"\b\w(?:-\w\b)+"),
    )
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CONTRACTED = re.compile(r"\w+(?:n['’]t|['’](?:m|s|re|ll|ve|d))")
_LATIN = re.compile(r"[a-zđ'’\u0300-\u036f]+")
# A syllable without its marks: what a word with marks must look like ("café" does not).
_SYLLABLE = re.compile(
    r"(?:b|ch?|d|gh?|gi|h|kh?|l|m|ngh?|nh?|ph?|qu|r|s|th?|tr|v|x)?"
    r"(?:a(?:ch|nh|ng|[cimnoptuy])?|e(?:ch|nh|ng|[cmnoptu])?|i(?:ch|nh|a|[mnptu])?"
    r"|[iy]e(?:ng|[cmnptu])|o(?:ng|[cimnpt])?|o[ae](?:ch|nh|ng|[cimnotpy])?|oo(?:ng|c)"
    r"|u(?:ng|[acimnptu])?|u(?:ch|nh|ng|a[ynt]|ang|e(?:ch|nh)?|ya?|ych|ynh|y[tpu])"
    r"|uo(?:ng|[cimnptu])?|uye[nt]|y)"
)
# Orders of magnitude, as log10 of how often a word occurs in its language.
_OFTEN = {1: -2.0, 2: -3.0, 3: -4.0}
_SHAPED = -4.6
_RARE_ENGLISH = -6.0
_NOT_VIETNAMESE = -7.0
_MARKED = 5.0
_LONGEST = 40  # letters of a word; what a bot says must not fill the memory
_SWITCH = 1.5
_STRONG = 3.5


class WordCounts(NamedTuple):
    """The words of a text that are evidence, by language.

    `vi_marked` of the `vi` words carry Vietnamese marks; `other` are words in another script.
    `surest` is the log-odds of the surest word of the language that has fewer.
    """

    vi: int = 0
    en: int = 0
    other: int = 0
    vi_marked: int = 0
    surest: float = 0.0

    @property
    def total(self) -> int:
        return self.vi + self.en + self.other

    def share(self, language: str) -> float | None:
        """The part of the evidence that is in `language`; None where there is none."""
        count = {"vi": self.vi, "en": self.en}.get(language, 0)
        return count / self.total if self.total else None


# What one word says: its log-odds for Vietnamese, whether Vietnamese and English know it, whether
# it has Vietnamese marks, and whether it is in another script. A plain tuple: it is read often.
_Word = tuple[float, bool, bool, bool, bool]
_NOTHING: _Word = (0.0, False, False, False, False)
_OTHER: _Word = (0.0, False, False, False, True)
_VIETNAMESE: _Word = (_MARKED, True, False, True, False)


def detect_language(text: str) -> Kind:
    """The language of a line; a single word is evidence only with Vietnamese marks."""
    return kind_of(count_words(text))


def kind_of(counts: WordCounts) -> Kind:
    """The language that word counts speak for."""
    known = counts.vi + counts.en
    if counts.other > known or (known < 2 and not counts.vi_marked):
        return "unknown"
    fewer = min(counts.vi, counts.en)
    if fewer >= 2 or (fewer == 1 and counts.surest >= _STRONG):
        return "mixed"
    return "vi" if counts.vi > counts.en else "en"


def is_toneless(text: str) -> bool:
    """Whether a text is Vietnamese typed without its marks."""
    counts = count_words(text)
    return kind_of(counts) == "vi" and counts.vi_marked == 0


def count_words(text: str) -> WordCounts:
    """How many words of the text are evidence for each language.

    A word that both languages know takes the one that its neighbours make likelier: "can" between
    Vietnamese words is "cần", between English ones "can".
    """
    return count_folded_words(unicodedata.normalize("NFC", text).casefold())


def count_folded_words(text: str) -> WordCounts:
    """`count_words` of a text that is in NFC and case-folded already."""
    words = list(map(_weigh, _find_words(text)))
    if not words:
        return WordCounts()
    in_vi, in_en = _split(words)
    vi = [word for word in in_vi if word[1]]
    en = [word for word in in_en if word[2]]
    fewer = vi if len(vi) < len(en) else en
    return WordCounts(
        vi=len(vi),
        en=len(en),
        other=words.count(_OTHER),
        vi_marked=vi.count(_VIETNAMESE),
        surest=max([abs(word[0]) for word in fewer], default=0.0),
    )


def _find_words(text: str) -> list[str]:
    """What stands between blanks; addresses, templates and spelled words do not."""
    for sign, pattern in _NO_WORDS:
        if sign in text:
            text = pattern.sub(" ", text)
    words = text.split()
    if max(map(len, words), default=0) > _LONGEST:
        return [word[:_LONGEST] for word in words]
    return words


def _split(words: list[_Word]) -> tuple[list[_Word], list[_Word]]:
    """The words taken as Vietnamese, and the others, where a switch of language costs `_SWITCH`.

    Beyond that lead a word's language is settled; until then it is that of the next settled word.
    """
    sides: tuple[list[_Word], list[_Word]] = ([], [])
    lead, side, begin, settled = 0.0, 0, 0, 0
    for place, word in enumerate(words, 1):
        lead += word[0]
        if lead > _SWITCH:
            lead, now = _SWITCH, 0
        elif lead < -_SWITCH:
            lead, now = -_SWITCH, 1
        else:
            continue
        if now != side:
            sides[side].extend(words[begin:settled])
            side, begin = now, settled
        settled = place
    sides[side].extend(words[begin:settled])
    sides[lead <= 0].extend(words[settled:])
    return sides


@lru_cache(maxsize=20_000)
def _weigh(token: str) -> _Word:
    """What a word says, the punctuation around it taken off."""
    found = _WORD.search(token)
    if found is None:
        return _NOTHING
    word = found[0]
    vi, en, none = _tables()
    bare = strip_marks(word)
    if word in none:
        return _NOTHING
    if not _LATIN.fullmatch(bare):
        return _OTHER
    is_syllable = _SYLLABLE.fullmatch(bare) is not None
    if bare != word:
        return _VIETNAMESE if is_syllable else _NOTHING
    tier = _english_tier(word, en)
    of_vi = _OFTEN.get(vi.get(word, 0), _SHAPED if is_syllable else _NOT_VIETNAMESE)
    of_en = _OFTEN.get(tier, _RARE_ENGLISH)
    return (of_vi - of_en, word in vi, tier > 0, False, False)


def _english_tier(word: str, en: dict[str, int]) -> int:
    """The tier of an English word or of what it is made of; 0 for a word that is not listed."""
    if word in en:
        return en[word]
    if _CONTRACTED.fullmatch(word):
        return 1
    stems = (word.removesuffix(end) for end in ("s", "es", "d", "ed", "ing", "ly", "er"))
    return 3 if any(stem != word and len(stem) > 3 and stem in en for stem in stems) else 0


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, int], dict[str, int], frozenset[str]]:
    """The tiers of Vietnamese and of English words, and the words that prove nothing."""
    tiers: dict[str, dict[str, int]] = {"vi": {}, "en": {}, "none": {}}
    language, tier = "none", 0
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language, _, number = line.strip("[]").partition(" ")
            tier = int(number or 0)
        elif not line.startswith("#"):
            for word in line.split():
                tiers[language].setdefault(word, tier)
    return tiers["vi"], tiers["en"], frozenset(tiers["none"])

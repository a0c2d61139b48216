"""Checks of how the bot speaks: `bot_language`, `no_repeats`, `no_leftovers`."""

import json
import re
from collections import Counter
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.language import WordCounts, count_folded_words
from evaluation.checks.base import (
    Check,
    Finding,
    PlacedCheck,
    Range,
    Speaker,
    cannot_tell,
    fails,
    passes,
)
from evaluation.transcripts import Transcript, Utterance
from evaluation.verdicts import Evidence

Share = Annotated[float, Field(ge=0, le=1)]


class BotLanguage(PlacedCheck):
    """The share of the words, among those that are evidence, that are in a language.

    All replies are taken together, unless `where: every` (or `any`) asks for each.
    """

    kind: ClassVar[str] = "bot_language"
    bot_language: Annotated[dict[Literal["vi", "en"], Share | Range], Field(min_length=1)]

    def examine(self, transcript: Transcript) -> Finding:
        lines = self.place(self.select_lines(transcript, "bot"))
        counted = [(line, count_folded_words(line.folded)) for line in lines]
        telling = [(line, counts) for line, counts in counted if counts.total]
        if not telling:
            return cannot_tell(f"the bot said no word that tells a language{self.place_name}")
        if self.where in ("any", "every"):
            return self._each(telling)
        return self._together(telling)

    def _each(self, telling: list[tuple[Utterance, WordCounts]]) -> Finding:
        wrong = [(line, why) for line, counts in telling if (why := self._lack(counts))]
        if len(wrong) == len(telling) or (wrong and self.where == "every"):
            line, why = wrong[0]
            return fails(f"{why} in turn {line.turn}", line.evidence())
        return passes(f"{len(telling) - len(wrong)} of {len(telling)} replies are as wanted")

    def _together(self, telling: list[tuple[Utterance, WordCounts]]) -> Finding:
        total = WordCounts(
            vi=sum(counts.vi for _, counts in telling),
            en=sum(counts.en for _, counts in telling),
            other=sum(counts.other for _, counts in telling),
        )
        why = self._lack(total)
        if not why:
            shares = [f"{total.share(name):.0%} {name}" for name in self.bot_language]
            return passes(f"{', '.join(shares)} of {total.total} telling words")
        worst = next((line for line, counts in telling if self._lack(counts)), telling[0][0])
        return fails(why, worst.evidence())

    def _lack(self, counts: WordCounts) -> str:
        """What is not as wanted; empty where all is."""
        for name, wanted in self.bot_language.items():
            share = counts.share(name) or 0.0
            bounds = wanted if isinstance(wanted, Range) else Range(at_least=wanted)
            if share not in bounds:
                return f"{share:.0%} of {counts.total} telling words are {name}; wanted {bounds}"
        return ""


class NoRepeats(Check):
    """One side does not say the same twice, letter case, punctuation and spaces aside."""

    kind: ClassVar[str] = "no_repeats"
    no_repeats: Speaker
    min_words: Annotated[int, Field(ge=1, le=1000)] = Field(
        3, description="Shorter lines may come again, but not twice in a row."
    )

    def examine(self, transcript: Transcript) -> Finding:
        lines = self.select_lines(transcript, self.no_repeats)
        if len(lines) < 2:
            return cannot_tell(f"the {self.no_repeats} spoke {len(lines)} times")
        ends = [_find_ends(line.folded) for line in lines]
        alike = Counter(ends)
        seen: dict[str, int] = {}
        for place, line in enumerate(lines):
            if alike[ends[place]] == 1:  # spelling all words out takes ten times as long
                continue
            words = " ".join(_WORD.findall(line.folded)) or line.folded
            before = seen.get(words)
            if before is not None and self._counts(words, place - before):
                first = lines[before]
                reason = f"turn {line.turn} repeats turn {first.turn}"
                return fails(reason, line.evidence(), first.evidence())
            seen[words] = place
        return passes(f"{len(lines)} different lines")

    def _counts(self, words: str, distance: int) -> bool:
        return distance == 1 or words.count(" ") + 1 >= self.min_words


_WORD = re.compile(r"\w+")


def _find_ends(folded: str) -> tuple[str, str]:
    """The first word and, backwards, the last: the same where all words are."""
    first, last = _WORD.search(folded), _WORD.search(folded[::-1])
    return (first[0], last[0]) if first and last else ("", "")


class NoLeftovers(Check):
    """Nothing of the machinery shows: templates, None, raw JSON, stack traces, empty lines."""

    kind: ClassVar[str] = "no_leftovers"
    no_leftovers: Speaker

    def examine(self, transcript: Transcript) -> Finding:
        lines = self.select_lines(transcript, self.no_leftovers)
        if not lines:
            return cannot_tell(f"the {self.no_leftovers} said nothing")
        for line in lines:
            for nth, bubble in enumerate(line.bubbles):
                held = nth < len(line.parts) and line.parts[nth]
                found = find_leftover(bubble) if bubble or not held else None
                if found is not None:
                    what, quote = found
                    evidence = Evidence(message=line.place + nth, quote=quote[:300])
                    return fails(f"{what} in turn {line.turn}", evidence)
        return passes(f"nothing left over in {len(lines)} lines")


# What it is, one of the texts that it cannot be without, and how it looks. Each expression runs in
# linear time: no repetition in it stands beside another that can match the same.
_LEFTOVERS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (what, tuple(needs.split()), re.compile(pattern))
    for what, needs, pattern in (
        ("a template variable", "{{ {%", r"\{\{[^{}\n]{0,80}\}\}|\{%[^%\n]{0,80}%\}"),
        ("a template variable", "{", r"\$\{\w{1,60}\}|(?<![\w{])\{[a-z_][a-z0-9_.]{0,60}\}(?!\})"),
        ("a placeholder", "[", r"(?i)\[(?:your|insert|bot|user|customer) [\w ]{1,40}\]"),
        (
            "a value that is missing",
            "object undefined NaN null",
            r"\[object Object\]|\bundefined\b|\bNaN\b|\bnull\b",
        ),
        # "None of them" is English, and so is a sentence that begins with None.
        ("a value that is missing", "None", r"(?<=[^\s.!?…] )None\b|\bNone(?=[,.!?]|\Z)"),
        ("a stack trace", "Traceback", r"Traceback \(most recent call last\)"),
        ("a stack trace", "Exception", r"Exception in thread \""),
        ("a stack trace", "at", r"(?m)^\s{1,8}at [\w.$<>]{1,200}\("),
        ("a stack trace", "File", r"(?m)^\s{1,8}File \"[^\"\n]{1,200}\", line "),
        (
            "a token of the model",
            "<| think> INST] <<SYS",
            r"<\|\w{1,30}\|>|</?think>|\[/?INST\]|<<SYS>>",
        ),
        ("a speaker's name", ":", r"(?i)\A\s{0,8}(?:assistant|user|system|bot|ai):"),
    )
)
_JSON = re.compile(r"\{\s*\"[^\"\n]{0,80}\"\s*:")


def find_leftover(text: str) -> tuple[str, str] | None:
    """What of the machinery shows in a line, and its words; None where nothing does."""
    if not text.strip():
        return "an empty line", ""
    for what, needs, pattern in _LEFTOVERS:
        for need in needs:  # a plain search is many times quicker than an expression
            found = pattern.search(text) if need in text else None
            if found is not None:
                return what, found[0].strip()
    return _find_json(text)


def _find_json(text: str) -> tuple[str, str] | None:
    if "{" not in text and "[" not in text:
        return None
    found = _JSON.search(text)
    if found is None and not _is_json(text.strip()):
        return None
    return "raw JSON", (found[0] if found else text.strip())[:80]


def _is_json(text: str) -> bool:
    if text[:1] not in "{[" or len(text) > 100_000:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

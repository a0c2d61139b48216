"""The check of what a reply holds besides text: `bot_offers`."""

from typing import ClassVar

from pydantic import Field

from core.parts import Part, PartKind, describe_part
from evaluation.checks.base import (
    Finding,
    PlacedCheck,
    TonedCheck,
    cannot_tell,
    fails,
    passes,
)
from evaluation.patterns import Matcher, Text
from evaluation.transcripts import LONGEST_QUOTE, Transcript, Utterance, fold
from evaluation.verdicts import Evidence


class BotOffers(PlacedCheck, TonedCheck):
    """The bot shows a button, quick reply, picture, link, … with a text in its title or URL."""

    kind: ClassVar[str] = "bot_offers"
    bot_offers: Text
    part: PartKind | None = Field(None, description="Looks at parts of this kind only.")

    def examine(self, transcript: Transcript) -> Finding:
        lines = self.place(self.select_lines(transcript, "bot"))
        if not lines:
            return cannot_tell(f"the bot said nothing{self.place_name}")
        matcher = self.matcher(self.bot_offers)
        if self.where == "every":
            return self._examine_every(lines, matcher)
        for line in lines:
            if found := self._find(line, matcher):
                return passes(f"the bot offers {matcher}", found)
        return fails(f"the bot does not offer {matcher}{self.place_name}", lines[-1].evidence())

    def _examine_every(self, lines: list[Utterance], matcher: Matcher) -> Finding:
        for line in lines:
            if self._find(line, matcher) is None:
                reason = f"the bot does not offer {matcher} in turn {line.turn}"
                return fails(reason, line.evidence())
        return passes(f"the bot offers {matcher} each of {len(lines)} times")

    def _find(self, line: Utterance, matcher: Matcher) -> Evidence | None:
        """The first part that fits."""
        held = ((nth, part) for nth, parts in enumerate(line.parts) for part in parts)
        for nth, part in held:
            if self.part not in (None, part["kind"]):
                continue
            if any(matcher.find(_as_line(line, text)) is not None for text in _list_texts(part)):
                quote = describe_part(part)[:LONGEST_QUOTE]
                return Evidence(message=line.place + nth, quote=quote)
        return None


def _list_texts(part: Part) -> list[str]:
    return [text for text in (part.get("title"), part.get("text"), part.get("url")) if text]


def _as_line(line: Utterance, text: str) -> Utterance:
    return line._replace(text=text, folded=fold(text), bubbles=(text,))

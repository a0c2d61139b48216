"""Checks of what was said: `bot_says`, `user_says`, `bot_never_says`."""

from typing import ClassVar, Literal

from pydantic import Field

from evaluation.checks.base import (
    Finding,
    PlacedCheck,
    Speaker,
    TonedCheck,
    cannot_tell,
    fails,
    passes,
)
from evaluation.patterns import Matcher, Text
from evaluation.transcripts import Transcript, Utterance

_NAMES: dict[Speaker, str] = {"bot": "the bot", "user": "the user"}


class _Says(PlacedCheck, TonedCheck):
    def _examine(self, transcript: Transcript, speaker: Speaker, wanted: Text) -> Finding:
        matcher, who = self.matcher(wanted), _NAMES[speaker]
        lines = self.place(self.select_lines(transcript, speaker))
        if not lines:
            return cannot_tell(f"{who} said nothing{self.place_name}")
        if self.where == "every":
            return _in_every(lines, matcher, who)
        for line in lines:
            quote = matcher.find(line)
            if quote is not None:
                return passes(f"{who} says {matcher}", line.evidence(quote))
        shown = [lines[0].evidence()] if len(lines) == 1 else []
        return fails(f"{who} does not say {matcher}{self.place_name}", *shown)


def _in_every(lines: list[Utterance], matcher: Matcher, who: str) -> Finding:
    for line in lines:
        if matcher.find(line) is None:
            return fails(f"{who} does not say {matcher} in turn {line.turn}", line.evidence())
    return passes(f"{who} says {matcher} each of {len(lines)} times")


class BotSays(_Says):
    """The bot says a text: somewhere, or where `where` or `turn` want it."""

    kind: ClassVar[str] = "bot_says"
    bot_says: Text

    def examine(self, transcript: Transcript) -> Finding:
        return self._examine(transcript, "bot", self.bot_says)


class UserSays(_Says):
    """The user says a text: somewhere, or where `where` or `turn` want it."""

    kind: ClassVar[str] = "user_says"
    user_says: Text

    def examine(self, transcript: Transcript) -> Finding:
        return self._examine(transcript, "user", self.user_says)


class BotNeverSays(PlacedCheck, TonedCheck):
    """The bot never says a text; a bot that says nothing passes."""

    kind: ClassVar[str] = "bot_never_says"
    bot_never_says: Text
    where: Literal["first", "last"] | None = Field(None, description="Looks at one line only.")

    def examine(self, transcript: Transcript) -> Finding:
        matcher = self.matcher(self.bot_never_says)
        for line in self.place(self.select_lines(transcript, "bot")):
            quote = matcher.find(line)
            if quote is not None:
                return fails(f"the bot says {matcher} in turn {line.turn}", line.evidence(quote))
        return passes(f"the bot never says {matcher}{self.place_name}")

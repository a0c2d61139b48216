"""Checks of what comes after or before what: `after`, `never_before`."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from core.ends import EndReason
from core.scenario import MAX_TURNS
from evaluation.checks.base import Finding, TonedCheck, Where, cannot_tell, fails, passes
from evaluation.patterns import Matcher, Text
from evaluation.transcripts import Transcript, Utterance
from evaluation.verdicts import Evidence, Record


class Reaction(Record):
    """When the user says one text, the bot says (or never says) another in its next replies."""

    user_says: Text
    bot_says: Text | None = None
    bot_never_says: Text | None = None
    within: Annotated[int, Field(ge=1, le=MAX_TURNS)] | None = Field(
        None, description="How many bot replies to look at; without it all that follow."
    )

    @model_validator(mode="after")
    def _one_reaction(self) -> Self:
        if (self.bot_says is None) == (self.bot_never_says is None):
            raise ValueError("needs either bot_says or bot_never_says")
        return self


class After(TonedCheck):
    """Whenever the user says one text, the bot's next replies hold (or do not hold) another."""

    kind: ClassVar[str] = "after"
    after: Reaction
    where: Where = Field("every", description="Which of the user's matching lines it is about.")

    def examine(self, transcript: Transcript) -> Finding:
        said = self.select_lines(transcript)
        trigger = self.matcher(self.after.user_says)
        places = [n for n, one in enumerate(said) if one.role == "user" and trigger.find(one)]
        if not places:
            return cannot_tell(f"the user never says {trigger}")
        if self.where in ("first", "last"):
            places = [places[0 if self.where == "first" else -1]]
        return self._sum_up([self._follow(transcript, said, at) for at in places])

    def _sum_up(self, found: Sequence[Finding]) -> Finding:
        """One finding of many; those that cannot tell count only where all are such."""
        decisive = "pass" if self.where == "any" else "fail"
        ranked = (decisive, "fail" if decisive == "pass" else "pass", "inconclusive")
        return min(found, key=lambda one: ranked.index(one.status))

    def _follow(self, transcript: Transcript, said: Sequence[Utterance], at: int) -> Finding:
        rule, line = self.after, said[at]
        replies = [one for one in said[at + 1 :] if one.role == "assistant"][: rule.within]
        if rule.bot_says is not None:
            return _must_follow(transcript, rule, line, replies, self.matcher(rule.bot_says))
        matcher = self.matcher(rule.bot_never_says or "")
        hit = _first_hit(replies, matcher)
        if hit is not None:
            return fails(f"the bot says {matcher} after it", line.evidence(), hit)
        return passes(f"the bot does not say {matcher} after it", line.evidence())


def _must_follow(
    transcript: Transcript,
    rule: Reaction,
    line: Utterance,
    replies: Sequence[Utterance],
    matcher: Matcher,
) -> Finding:
    hit = _first_hit(replies, matcher)
    if hit is not None:
        return passes(f"the bot says {matcher} after it", line.evidence(), hit)
    missing = not replies or len(replies) < (rule.within or 0)
    if missing and transcript.end_reason != EndReason.BOT_ENDED:
        return cannot_tell(f"the conversation ended before the bot could say {matcher}")
    reason = f"the bot does not say {matcher} in {len(replies)} replies after it"
    return fails(reason, line.evidence(), *(one.evidence() for one in replies[:1]))


class Order(Record):
    """What the bot must not say before the user has said something."""

    bot_says: Text
    user_says: Text


class NeverBefore(TonedCheck):
    """The bot does not say one text before the user has said another."""

    kind: ClassVar[str] = "never_before"
    never_before: Order

    def examine(self, transcript: Transcript) -> Finding:
        early = self.matcher(self.never_before.bot_says)
        leave = self.matcher(self.never_before.user_says)
        for one in self.select_lines(transcript):
            quote = (leave if one.role == "user" else early).find(one)
            if quote is None:
                continue
            if one.role == "user":
                return passes(f"the user says {leave} first", one.evidence(quote))
            return fails(f"the bot says {early} before the user says {leave}", one.evidence(quote))
        return passes(f"the bot never says {early}")


def _first_hit(lines: Sequence[Utterance], matcher: Matcher) -> Evidence | None:
    for line in lines:
        quote = matcher.find(line)
        if quote is not None:
            return line.evidence(quote)
    return None

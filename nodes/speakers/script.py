"""The script of a scripted persona: rules, rates and phrases instead of a model."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from nodes.speakers.patterns import Pattern

Situation = Literal[
    "ready", "word", "sentence", "scene", "recalled", "retry", "retry_sentence", "guess", "unsure",
    "hard", "stuck", "go_on", "goodbye", "stay", "yes", "puzzled", "listening", "silence",
    "tangent", "off_topic", "impatient", "hesitant",
]  # fmt: skip
Rate = Annotated[float, Field(ge=0, le=1)]
Phrase = Annotated[str, Field(min_length=1, max_length=500)]
PhraseList = Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=100)]


def _read_keys(phrases: Any) -> Any:
    """YAML takes a bare `yes:` for true."""
    if not isinstance(phrases, dict):
        return phrases
    return {"yes" if key is True else key: said for key, said in phrases.items()}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Part):
    """Where the bot's last line matches `when`, one of `say` is said, `rate` of the time."""

    when: Pattern
    say: PhraseList
    rate: Rate = 1.0
    leaves: bool = Field(False, description="With this line the person says goodbye and goes.")


class Rates(_Part):
    """How often, from 0 to 1, this person does what."""

    wrong_answer: Rate = Field(1 / 3, description="Of the answers to a first question.")
    wrong_again: Rate = Field(1 / 6, description="Of the answers after a correction.")
    one_word: Rate = Field(0.0, description="Of the right answers: the bare answer, no more.")
    tangent: Rate = Field(0.0, description="Of all lines: something off topic.")
    misunderstands: Rate = Field(0.0, description="Of all answers: asks to hear it again.")
    hesitates: Rate = Field(0.0, description="Of the right answers: given as a guess.")
    off_topic: Rate = Field(0.0, description="Of all lines: ignores what the bot asked.")
    impatient: Rate = Field(0.0, description="Of all lines: shows that this takes too long.")


class Script(_Part):
    """What a scripted person does. The rules are tried in order, before anything else.

    In phrases and rules `{}` is the answer that the bot asks for, `{me}` the person; what is left
    out is as the learner who ships with Duologue has it.
    """

    language: Literal["vi", "en"] = "vi"
    rates: Rates = Rates()
    rules: Annotated[tuple[Rule, ...], Field(max_length=200)] = ()
    phrases: Annotated[dict[Situation, PhraseList], BeforeValidator(_read_keys)] = {}
    patience: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Leaves after the same request failed this often in a row."
    )

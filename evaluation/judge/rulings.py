"""A judge's answer: read strictly, its quotes looked up, and nothing taken on trust."""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.message import Message
from core.parts import read_out
from core.text import clean_deep
from evaluation.criteria import Criterion
from evaluation.transcripts import fold_quote
from evaluation.verdicts import Evidence, Status

_FENCED = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)
_WORD = re.compile(r"\w")
FEWEST_LETTERS = 3
LONGEST_ANSWER = 200_000


class InvalidRuling(Exception):
    """An answer that is no verdict, and why."""


class _Quote(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    message: int
    quote: str


class Ruling(BaseModel):
    """What the judge says; either a status or, on a scale, a score."""

    model_config = ConfigDict(extra="ignore", strict=True)

    requirement: str
    reasoning: str
    evidence: list[_Quote]


class StatusRuling(Ruling):
    status: Literal["pass", "fail", "inconclusive"]


class ScoreRuling(Ruling):
    score: int | None


def schema_of(criterion: Criterion) -> dict[str, Any]:
    """The JSON Schema of the answer, in the strict form that structured output wants."""
    quote = _object(message={"type": "integer"}, quote={"type": "string"})
    decided: dict[str, Any] = (
        {"status": {"type": "string", "enum": ["pass", "fail", "inconclusive"]}}
        if criterion.scale is None
        else {"score": {"type": ["integer", "null"]}}
    )
    answer = _object(
        requirement={"type": "string"},
        reasoning={"type": "string"},
        evidence={"type": "array", "items": quote},
        **decided,
    )
    return {"title": "ruling", "description": "The verdict and its proof.", **answer}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_ruling(text: str, criterion: Criterion) -> StatusRuling | ScoreRuling:
    """The answer as data; a Markdown fence around it is taken off. Raises `InvalidRuling`."""
    model = StatusRuling if criterion.scale is None else ScoreRuling
    if len(text) > LONGEST_ANSWER:
        raise InvalidRuling(f"it is longer than {LONGEST_ANSWER} characters")
    fenced = _FENCED.match(text.strip())
    try:
        ruling = model.model_validate(clean_deep(json.loads(fenced[1] if fenced else text)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidRuling(f"it does not fit: {place}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise InvalidRuling("it is not JSON") from None
    _must_be_on_scale(ruling, criterion)
    return ruling


def _must_be_on_scale(ruling: StatusRuling | ScoreRuling, criterion: Criterion) -> None:
    if criterion.scale is None or not isinstance(ruling, ScoreRuling) or ruling.score is None:
        return
    low, high = criterion.scale
    if not low <= ruling.score <= high:
        raise InvalidRuling(f"the score {ruling.score} is off the scale from {low} to {high}")


def decide_status(ruling: StatusRuling | ScoreRuling, criterion: Criterion) -> Status:
    if isinstance(ruling, StatusRuling):
        return ruling.status
    if ruling.score is None or criterion.pass_at is None:
        return "inconclusive"
    return "pass" if ruling.score >= criterion.pass_at else "fail"


def verify_quotes(
    ruling: StatusRuling | ScoreRuling, criterion: Criterion, messages: Sequence[Message]
) -> list[Evidence]:
    """The evidence, each quote found in its message. Raises `InvalidRuling` naming one that is not.

    What a bot did is proved by its own words: where proof is needed, one quote is the bot's.
    """
    for quote in ruling.evidence:
        if not _is_found(quote, messages):
            shown = fold_quote(quote.quote)[:120]
            raise InvalidRuling(f"message {quote.message} does not say “{shown}”")
    if not ruling.evidence and _needs_proof(ruling, criterion):
        raise InvalidRuling("it gives no quote")
    quoted = {messages[quote.message]["role"] for quote in ruling.evidence}
    spoke = {message["role"] for message in messages}
    if _needs_proof(ruling, criterion) and "assistant" in spoke - quoted:
        raise InvalidRuling("it quotes the user alone, and not the bot")
    return [Evidence(message=one.message, quote=one.quote) for one in ruling.evidence]


def _is_found(quote: _Quote, messages: Sequence[Message]) -> bool:
    """A letter is found in any text, so a quote is a few of them, or all that was said."""
    if not 0 <= quote.message < len(messages):
        return False
    said, text = fold_quote(quote.quote), fold_quote(read_out(messages[quote.message]))
    letters = len(_WORD.findall(said))
    return letters > 0 and (letters >= FEWEST_LETTERS or said == text) and said in text


def _needs_proof(ruling: StatusRuling | ScoreRuling, criterion: Criterion) -> bool:
    """What is missing cannot be quoted; what is there can."""
    if isinstance(ruling, ScoreRuling):
        return ruling.score is not None and ruling.score > (criterion.scale or (0, 0))[0]
    return ruling.status == "pass"

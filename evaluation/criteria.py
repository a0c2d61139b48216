"""A criterion: one question that a judge answers about a conversation."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from evaluation.checks.base import Id, Turn, Where
from evaluation.verdicts import Record

_FIELDS = ("id", "ask", "scale", "pass_at", "must", "where", "turn")
Score = Annotated[int, Field(ge=0, le=100)]


class Criterion(Record):
    """One question. In short `{corrects: "When …, does the robot …?"}`: the key is the id.

    With a `scale` the judge gives a whole number from its first to its last, and `pass_at` says
    from which on it passes. `where` and `turn` say which of the bot's replies it is about.
    """

    id: Id
    ask: Annotated[str, Field(min_length=1, max_length=10_000)]
    scale: tuple[Score, Score] | None = None
    pass_at: float | None = None
    must: bool = Field(True, description="false: it is reported and decides nothing.")
    where: Where | None = None
    turn: Turn | None = None

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "ask" in value or "id" in value:
            return value
        named = [key for key in value if key not in _FIELDS]
        if len(named) != 1:
            return value
        rest = {key: part for key, part in value.items() if key != named[0]}
        return {"id": named[0], "ask": value[named[0]], **rest}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.where is not None and self.turn is not None:
            raise ValueError("give where or turn, not both")
        if (self.scale is None) != (self.pass_at is None):
            raise ValueError("scale and pass_at belong together")
        if self.scale is not None and self.pass_at is not None:
            low, high = self.scale
            if not low < high:
                raise ValueError("a scale runs from a lower to a higher number")
            if not low <= self.pass_at <= high:
                raise ValueError(f"pass_at must lie on the scale, from {low} to {high}")
        return self

"""What the routes of shrinks take and give."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.schemas import ResponseModel
from api.state import OptionalClient
from core.message import Role
from core.scenario import Strict
from evaluation.shrink.shrinking import MAX_CALLS


class ShrinkRequest(Strict):
    """How a conversation is to be shrunk."""

    check: (
        Annotated[str, StringConstraints(strict=True, max_length=100, pattern=r"^[\w.:-]+$")] | None
    ) = Field(None, description="The check or criterion; else the first that failed.")
    max_calls: Annotated[int, Field(strict=True, ge=1, le=100_000)] = Field(
        MAX_CALLS, description="Calls of the bot at most; asked again with more, it goes on."
    )
    confirm: bool = Field(False, strict=True, description="For a bot with `side_effects`.")
    dry_run: bool = Field(False, strict=True, description="Only says what it would take.")
    client_id: OptionalClient = None


class Effort(ResponseModel):
    replays: int
    calls: int


class Estimate(ResponseModel):
    """`low` where one line is to blame, `high` where three are; for a bot that always fails."""

    low: Effort
    high: Effort


class ReplayLine(ResponseModel):
    role: Role
    content: str
    turn: int


class OriginalLine(ReplayLine):
    needed: bool = Field(description="Whether its turn is part of the shortest.")


class Shrink(ResponseModel):
    """How a shrink stands. `outcome` is there once it has ended without an error."""

    conversation_id: str
    fails: str
    lines: int
    estimate: Estimate
    has_side_effects: bool
    status: Literal["planned", "running", "ended", "failed"]
    error: str | None = None
    outcome: Literal["shrunk", "not_reproduced", "capped", "interrupted"] | None = None
    shortest: list[str] = Field(default_factory=list)
    replays: int = 0
    calls: int = 0
    found_replays: int = 0
    failed: int = Field(0, description="Of `measured` replays of all lines.")
    measured: int = 0
    replay_id: str | None = None
    scenario: str | None = Field(None, description="A file of scenarios/, as YAML.")
    original: list[OriginalLine] = Field(default_factory=list)
    replay: list[ReplayLine] = Field(default_factory=list)

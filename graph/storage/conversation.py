"""One conversation as every storage keeps it."""

from dataclasses import dataclass
from typing import Any

from core.ends import Status


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation's row. `in_flight` is a turn that was sent and whose reply is not on disk;
    `experiment_id` is set where the conversation is a trial. `pending` are changes that were
    answered and are not in the state yet. So many processes in a row died at it: `crashes` before
    they had asked anybody for a line, `deaths` before a turn was done.
    """

    id: str
    client_id: str | None
    bot_id: str
    persona: str | None
    seat: str
    status: Status
    end_reason: str | None
    turn: int
    max_turns: int
    runs: int
    owner: str | None
    in_flight: int | None
    error: dict[str, Any] | None
    scenario: dict[str, Any]
    parent_id: str | None
    forked_at: int | None
    created_at: str
    updated_at: str
    experiment_id: str | None = None
    pending: dict[str, Any] | None = None
    crashes: int = 0
    deaths: int = 0

"""What a row allows, for all databases alike. Pure, so that each can ask inside its transaction."""

from collections.abc import Callable

from core.ends import Status
from core.errors import Busy, Conflict, KeyReused
from graph.storage.conversation import Conversation


def check_claim(
    row: Conversation, is_alive: Callable[[str], bool], runs: int | None, only_orphaned: bool
) -> None:
    """Raises `Busy` and `Conflict` where the conversation cannot be claimed."""
    if row.status is Status.RUNNING and row.owner and is_alive(row.owner):
        raise Busy("the conversation has a run already", conversation_id=row.id)
    if runs not in (None, row.runs):  # what the caller decided is of another state
        raise Busy("the conversation had a run just now", conversation_id=row.id)
    if only_orphaned and (row.status is not Status.INTERRUPTED or row.error):
        raise Conflict("somebody did something else with it meanwhile")


def can_be_stopped(row: Conversation, is_driven: Callable[[Conversation], bool]) -> bool:
    return not (row.status.ended or (row.status is Status.RUNNING and is_driven(row)))


def is_orphan(row: Conversation, is_alive: Callable[[str], bool]) -> bool:
    """Whether it is `running` with nobody running it."""
    return row.status is Status.RUNNING and not (row.owner and is_alive(row.owner))


def check_key(stored_body: str, body: str) -> None:
    """Raises `KeyReused`."""
    if stored_body != body:
        raise KeyReused("this Idempotency-Key came with another body before")

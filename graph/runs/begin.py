"""How a conversation begins, and a run of it: first state, row of the catalogue, changes."""

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

from core.ends import Status
from core.errors import StorageError
from core.message import new_message, now
from core.scenario import Scenario
from core.state import State, append_lines
from graph.runs.changes import merge_updates
from graph.runs.run import Graph, update_thread
from graph.storage.conversation import Conversation
from graph.storage.port import ConversationStorage
from nodes.speakers.registry import Speakers


def build_first_state(
    speakers: Speakers, scenario: Scenario, card: Mapping[str, Any] | None = None
) -> State:
    """All that a run needs, so that a thread id alone is enough to go on after a restart.

    `card` is the persona; without one it is looked up.
    """
    lines = [
        new_message(line.role, line.content, index=at, turn=0, origin="given")
        for at, line in enumerate(scenario.history)
    ]
    if card is None:
        card = speakers.persona(scenario).model_dump(exclude_defaults=True)
    return {
        "messages": append_lines(lines),
        "scenario": {**scenario.to_stored(), "card": dict(card)},
        "seat": scenario.user or speakers.default_seat,
    }


def drop_persona(scenario: Scenario) -> Scenario:
    """The scenario as it is checked where its persona comes along."""
    return scenario.model_copy(update={"persona": None})


def build_first_row(
    id: str,
    scenario: Scenario,
    initial: State,
    client_id: str | None,
    parent: tuple[str, int] | None,
) -> Conversation:
    """The row of a conversation that no run has touched yet."""
    parent_id, forked_at = parent or (None, None)
    created_at = now()
    return Conversation(
        id=id,
        client_id=client_id,
        bot_id=str(scenario.bot_id),
        persona=scenario.persona,
        seat=initial["seat"],
        status=Status.CREATED,
        end_reason=None,
        turn=initial.get("turn", 0),
        max_turns=scenario.max_turns,
        runs=0,
        owner=None,
        in_flight=None,
        error=None,
        scenario=scenario.to_stored(),
        parent_id=parent_id,
        forked_at=forked_at,
        created_at=created_at,
        updated_at=created_at,
    )


async def apply_start_changes(
    graph: Graph,
    storage: ConversationStorage,
    row: Conversation,
    update: Mapping[str, Any],
    max_turns: int | None,
) -> None:
    """Changes what a run begins with; if that fails, nobody drives the conversation after all.

    What was promised to the run before and is not in its state comes first.
    """
    whole = merge_updates(row.pending, update)
    columns: dict[str, Any] = {"pending": None} if row.pending else {}
    if "seat" in update or max_turns:
        columns |= {"seat": update.get("seat", row.seat), "max_turns": max_turns or row.max_turns}
    async with AsyncExitStack() as unless_done:
        unless_done.push_async_callback(_release, storage, row)
        if row.pending and update:
            await storage.catalogue.update(row.id, pending=whole)
        if whole:
            await update_thread(graph, row.id, whole)
        if columns:
            await storage.catalogue.update(row.id, **columns)
        unless_done.pop_all()


async def _release(storage: ConversationStorage, row: Conversation) -> None:
    before = {"status": row.status, "error": row.error, "in_flight": row.in_flight}
    with suppress(StorageError):
        await storage.catalogue.release(row.id, **before)

"""How a conversation begins: its first state, and its row in the catalogue."""

from graph.catalogue import Conversation
from graph.ends import Status
from graph.scenario import Scenario
from graph.state import State, adding, message, now
from nodes.cast import Cast


def first_state(cast: Cast, scenario: Scenario) -> State:
    """All that a run needs, so that a thread id alone is enough to go on after a restart."""
    lines = [
        message(line.role, line.content, index=at, turn=0, origin="given")
        for at, line in enumerate(scenario.history)
    ]
    card = cast.persona(scenario).model_dump(exclude_defaults=True)
    return {
        "messages": adding(lines),
        "scenario": {**scenario.stored(), "card": card},
        "seat": scenario.user or cast.default_seat,
    }


def first_row(
    id: str,
    scenario: Scenario,
    begun: State,
    client_id: str | None,
    parent: tuple[str, int] | None,
) -> Conversation:
    """The row of a conversation that no run has touched yet."""
    parent_id, forked_at = parent or (None, None)
    made = now()
    return Conversation(
        id=id,
        client_id=client_id,
        bot_id=str(scenario.bot_id),
        persona=scenario.persona,
        seat=begun["seat"],
        status=Status.CREATED,
        end_reason=None,
        turn=begun.get("turn", 0),
        max_turns=scenario.max_turns,
        runs=0,
        owner=None,
        in_flight=None,
        error=None,
        scenario=scenario.stored(),
        parent_id=parent_id,
        forked_at=forked_at,
        created_at=made,
        updated_at=made,
    )

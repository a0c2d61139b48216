"""What may be changed in a conversation under way, and where it is kept."""

from collections.abc import Mapping
from typing import Any

from core.errors import Conflict, Invalid
from core.settings import Settings
from core.state import InFlight, Seat, State
from graph.storage.conversation import Conversation
from nodes.speakers.registry import Speakers

_SCENARIO_FIELDS = ("max_turns", "time_limit_s", "persona", "user_prompt")


def check_turn_limit(turns: int, settings: Settings) -> None:
    """Raises `Invalid` for more turns than this process allows."""
    if turns > settings.max_turns:
        raise Invalid(f"may be {settings.max_turns} at most on this server", "max_turns")


def extend_turn_limit(row: Conversation, turns: int | None, settings: Settings) -> int:
    """The limit of an ended conversation that goes on for `turns` more. Raises `Conflict`."""
    if turns is None:
        raise Conflict(
            "the conversation has ended; ask for more `turns`, or fork it",
            end_reason=row.end_reason,
        )
    more = min(row.turn + turns, settings.max_turns)
    if more <= row.turn:
        raise Conflict(
            f"the conversation has ended after {row.turn} turns, as many as are allowed",
            end_reason=row.end_reason,
        )
    return more


def plan_change(
    speakers: Speakers, row: Conversation, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The update of the state, and the columns of the catalogue. Raises `Invalid`."""
    scenario: dict[str, Any] = {name: wanted[name] for name in _SCENARIO_FIELDS if name in wanted}
    columns: dict[str, Any] = {n: wanted[n] for n in ("max_turns", "persona") if n in wanted}
    check_turn_limit(wanted.get("max_turns", 1), speakers.settings)
    if wanted.get("max_turns", row.turn + 1) <= row.turn:
        raise Invalid(f"must be more than the {row.turn} turns that are done", "max_turns")
    update: dict[str, Any] = {}
    if "seat" in wanted:
        # "simulated" gives the seat back to whoever speaks where nobody sits in it.
        seat = unattended_seat(speakers, row) if wanted["seat"] == "simulated" else wanted["seat"]
        update["seat"] = columns["seat"] = seat
    if scenario:
        columns["scenario"] = {**row.scenario, **scenario}
        update["scenario"] = {**scenario, **_persona_snapshot(speakers, wanted)}
    return update, columns


def merge_updates(first: Mapping[str, Any] | None, then: Mapping[str, Any]) -> dict[str, Any]:
    """Two updates of the state as one; the scenario's fields are changed one by one."""
    if not first:
        return dict(then)
    merged = {**first, **then}
    if "scenario" in first and "scenario" in then:
        merged["scenario"] = {**first["scenario"], **then["scenario"]}
    return merged


def unattended_seat(speakers: Speakers, row: Conversation) -> Seat:
    """Who speaks for the user where no person does: whom the conversation began with."""
    initial: Seat | None = row.scenario.get("user")
    return initial if initial and initial != "human" else speakers.default_seat


def _persona_snapshot(speakers: Speakers, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if "persona" not in wanted:
        return {}
    if wanted["persona"] not in speakers.personas:
        raise Invalid("there is no persona with that id", "persona")
    return {"card": speakers.personas[wanted["persona"]].model_dump(exclude_defaults=True)}


def resolve_accepted_turn(
    row: Conversation, state: State, in_flight: InFlight | None
) -> int | None:
    """The turn in flight where it is taken as heard. Raises `Conflict` where that is undecided."""
    policy = in_flight or row.scenario.get("in_flight", "retry")
    turn = None if policy == "retry" else find_turn_in_flight(row, state)
    if policy == "ask" and turn is not None:
        raise Conflict(
            f"turn {turn} was sent and its reply is not on disk; say by `resume` whether to "
            "`retry` it or to `accept` it as heard",
            turn=turn,
        )
    return turn


def find_turn_in_flight(row: Conversation, state: State) -> int | None:
    """The turn that was sent and has no reply on disk."""
    if row.in_flight is not None:
        return row.in_flight or None
    sent = int(state.get("sent", 0))
    return sent if sent > int(state.get("turn", 0)) else None

"""What may be changed in a conversation under way, and where it is kept."""

from collections.abc import Mapping
from typing import Any

from graph.catalogue import Conversation
from graph.errors import Invalid
from graph.settings import Settings
from graph.state import State
from nodes.cast import Cast

_KEPT = ("max_turns", "time_limit_s", "persona", "user_prompt")


def within_limits(turns: int, settings: Settings) -> None:
    """Raises `Invalid` for more turns than this process allows."""
    if turns > settings.max_turns:
        raise Invalid(f"may be {settings.max_turns} at most on this server", "max_turns")


def changed(
    cast: Cast, row: Conversation, asked: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The update of the state, and the columns of the catalogue. Raises `Invalid`."""
    scenario: dict[str, Any] = {name: asked[name] for name in _KEPT if name in asked}
    columns: dict[str, Any] = {n: asked[n] for n in ("max_turns", "persona") if n in asked}
    within_limits(asked.get("max_turns", 1), cast.settings)
    update: dict[str, Any] = {}
    if "seat" in asked:
        # "simulated" gives the seat back to whoever speaks where nobody sits in it.
        seat = cast.default_seat if asked["seat"] == "simulated" else asked["seat"]
        update["seat"] = columns["seat"] = seat
    if scenario:
        columns["scenario"] = {**row.scenario, **scenario}
        update["scenario"] = {**scenario, **_card(cast, asked)}
    return update, columns


def _card(cast: Cast, asked: Mapping[str, Any]) -> dict[str, Any]:
    if "persona" not in asked:
        return {}
    if asked["persona"] not in cast.personas:
        raise Invalid("there is no persona with that id", "persona")
    return {"card": cast.personas[asked["persona"]].model_dump(exclude_defaults=True)}


def turn_in_flight(row: Conversation, state: State) -> int | None:
    """The turn that was sent and has no reply on disk."""
    if row.in_flight is not None:
        return row.in_flight or None
    sent = int(state.get("sent", 0))
    return sent if sent > int(state.get("turn", 0)) else None

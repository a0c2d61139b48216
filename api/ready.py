"""Whether a bot can be talked to, as far as that is known without a call."""

from core.errors import Invalid, NotFound
from core.scenario import Scenario
from nodes.speakers.registry import Cast


def lack(cast: Cast, id: str) -> str | None:
    """What the bot lacks. Raises `NotFound` where there is none with that id."""
    if id not in cast.bots:
        known = ", ".join(sorted(cast.bots))
        raise NotFound(f"there is no bot with that id; configured are {known}")
    try:
        cast.check(Scenario.model_construct(bot_id=id))
    except Invalid as error:
        return error.message
    return None

"""Whether a bot can be talked to, as far as that is known without a call."""

from core.errors import Invalid, NotFound
from core.scenario import Scenario
from nodes.speakers.registry import Speakers


def missing_requirement(speakers: Speakers, id: str) -> str | None:
    """What the bot lacks. Raises `NotFound` where there is none with that id."""
    if id not in speakers.bots:
        known = ", ".join(sorted(speakers.bots))
        raise NotFound(f"there is no bot with that id; configured are {known}")
    try:
        speakers.check(Scenario.model_construct(bot_id=id))
    except Invalid as error:
        return error.message
    return None

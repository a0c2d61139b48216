"""The simulator's next line on its own: nothing is stored, no run begins."""

from collections.abc import Sequence

from core.errors import Invalid, UserError
from core.events import Silence
from core.scenario import Line, Scenario
from core.state import message
from nodes.calls.retry import Patience, attempts
from nodes.speakers.protocol import Ask, Said
from nodes.speakers.registry import Cast


async def next_line(
    cast: Cast, history: Sequence[Line], *, persona: str | None, user_prompt: str | None
) -> Said:
    """What the user would say next. Raises `Invalid`, `UserError`."""
    if persona is not None and persona not in cast.personas:
        raise Invalid("there is no persona with that id", "persona")
    scenario = Scenario(persona=persona, user_prompt=user_prompt)
    said = [
        message(line.role, line.content, index=at, turn=0, origin="given")
        for at, line in enumerate(history)
    ]
    opening = cast.persona(scenario).opening
    if not said and opening:
        return Said(opening, "scripted")
    user = cast.user(scenario, cast.default_seat, {}, Silence())
    ask = Ask("aside", 1, said, scenario)
    return await attempts(
        lambda: user.say(ask, _unheard),
        fail=UserError,
        who=user.name,
        voice=Silence(),
        patience=Patience(cast.settings.attempts, cast.settings.attempts_total_s),
    )


def _unheard(_text: str) -> None:
    """Only the whole line is asked for."""

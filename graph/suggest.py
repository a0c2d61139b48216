"""The simulator's next line on its own: nothing is stored, no run begins."""

from collections.abc import Sequence

from core.errors import Invalid, UserError
from core.events import SilentEmitter
from core.message import new_message
from core.scenario import HistoryLine, Scenario
from nodes.calls.retry import RetryLimits, attempts
from nodes.speakers.protocol import TurnRequest, UserLine
from nodes.speakers.registry import Speakers


async def suggest_line(
    speakers: Speakers,
    history: Sequence[HistoryLine],
    *,
    persona: str | None,
    user_prompt: str | None,
) -> UserLine:
    """What the user would say next. Raises `Invalid`, `UserError`."""
    if persona is not None and persona not in speakers.personas:
        raise Invalid("there is no persona with that id", "persona")
    scenario = Scenario(persona=persona, user_prompt=user_prompt)
    messages = [
        new_message(line.role, line.content, index=at, turn=0, origin="given")
        for at, line in enumerate(history)
    ]
    opening = speakers.persona(scenario).opening
    if not messages and opening:
        return UserLine(opening, "scripted")
    user = speakers.user(scenario, speakers.default_seat, {}, SilentEmitter())
    request = TurnRequest("aside", 1, messages, scenario)
    return await attempts(
        lambda: user.say(request, ignore_piece),
        fail=UserError,
        who=user.name,
        emitter=SilentEmitter(),
        patience=RetryLimits(speakers.settings.attempts, speakers.settings.attempts_total_s),
    )


def ignore_piece(_text: str) -> None:
    """Only the whole line is asked for."""

"""The simulator's next line on its own: nothing is stored, no run begins."""

from collections.abc import Callable, Sequence
from typing import Any

from core.ends import EndReason
from core.errors import Invalid, UserError
from core.events import SilentEmitter
from core.message import Message, Origin, new_message
from core.rules import is_stuck, says_goodbye_again
from core.scenario import HistoryLine, Scenario
from nodes.calls.retry import RetryLimits, attempts
from nodes.speakers.protocol import TurnRequest, UserLine
from nodes.speakers.registry import Speakers

Watch = Callable[[str, str, dict[str, Any]], None]


async def suggest_line(
    speakers: Speakers,
    history: Sequence[HistoryLine],
    *,
    persona: str | None,
    user_prompt: str | None,
    user_model: str | None = None,
    watch: Watch = lambda *_: None,
) -> UserLine:
    """What the user would say next; `watch` hears of lines that were refused.

    Raises `Invalid`, `UserError`.
    """
    if persona is not None and persona not in speakers.personas:
        raise Invalid("there is no persona with that id", "persona")
    scenario = Scenario(persona=persona, user_prompt=user_prompt, user_model=user_model)
    messages = _read_history(history)
    opening = speakers.persona(scenario).opening
    if not messages and opening:
        return UserLine(opening, "scripted")
    user = speakers.user(scenario, speakers.default_seat, {}, WatchedEmitter(watch))
    turn = 1 + sum(line["role"] == "user" for line in messages)
    request = TurnRequest("aside", turn, messages, scenario)
    return await attempts(
        lambda: user.say(request, ignore_piece),
        fail=UserError,
        who=user.name,
        emitter=SilentEmitter(),
        patience=RetryLimits(speakers.settings.attempts, speakers.settings.attempts_total_s),
    )


def find_end_reason(history: Sequence[HistoryLine], line: UserLine) -> EndReason | None:
    """Why the conversation ends with this line; None where the user goes on."""
    lines = (
        [*history, HistoryLine(role="user", content=line.text)] if line.text.strip() else history
    )
    messages = _read_history(lines)
    if line.leaving or says_goodbye_again(messages):
        return EndReason.USER_DONE
    return EndReason.LOOP if is_stuck(messages) else None


def _read_history(history: Sequence[HistoryLine]) -> list[Message]:
    """The history as messages; the user's lines are taken for simulated ones."""
    turn, messages = 0, []
    for at, line in enumerate(history):
        by_user = line.role == "user"
        turn += by_user
        origin: Origin = "simulated" if by_user else "given"
        messages.append(new_message(line.role, line.content, index=at, turn=turn, origin=origin))
    return messages


class WatchedEmitter(SilentEmitter):
    """Tells of refused lines, so that they are counted, and of nothing else."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def discard(self, text: str, why: str, **facts: Any) -> None:
        self._watch("discarded", "", facts)


def ignore_piece(_text: str) -> None:
    """Only the whole line is asked for."""

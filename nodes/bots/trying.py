"""One call to a bot, looked at closely: what was sent, what came, what was made of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

from core.errors import BotError
from core.message import Source, new_message
from core.parts import Part
from core.scenario import Scenario
from nodes.speakers.protocol import LookingUpBot, Reply, TurnRequest

MOST_SHOWN = 4000
_SECRET = re.compile(r"auth|cookie|(?<!idempotency-)key|token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call as a person may see it: secrets are masked, bodies cut to `MOST_SHOWN` characters.

    `status` is None for a message of a WebSocket; `took_ms` counts to the end of the answer.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    sent: str
    status: int | None
    answer: str
    took_ms: int


Watch = Callable[[Exchange], None]


@runtime_checkable
class WatchedBot(Protocol):
    """A bot that can say what it sends and what comes."""

    watch: Watch | None


@dataclass(slots=True)
class Trial:
    """What one line to a bot brought; `error` where it failed, with its `code`."""

    calls: list[Exchange] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    bubbles: Sequence[str] = ()
    parts: Sequence[Sequence[Part]] = ()
    sources: Sequence[Source] = ()
    ended: bool = False
    error: str | None = None
    code: str | None = None
    took_ms: int = 0


def hide_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values; of those whose name says that they are secret, only that they are there."""
    return {name: "***" if is_secret_name(name) else value for name, value in values.items()}


def is_secret_name(name: str) -> bool:
    """Whether what has this name is likely a secret."""
    return _SECRET.search(name) is not None


async def try_bot(bot: Any, bot_id: str, text: str) -> Trial:
    """Opens a session, says one line, closes. Each failure is in the trial, none is raised."""
    trial, began = Trial(), monotonic()
    id = f"try-{uuid4()}"
    line = new_message("user", text, index=0, turn=1, origin="human")
    ask = TurnRequest(id, 1, [line], Scenario.model_construct(bot_id=bot_id))
    if isinstance(bot, WatchedBot):
        bot.watch = trial.calls.append
    try:
        await _speak(bot, ask, trial)
    except BotError as error:
        trial.error, trial.code = error.message, error.code
    finally:
        if isinstance(bot, WatchedBot):
            bot.watch = None
    trial.took_ms = round((monotonic() - began) * 1000)
    trial.session = hide_secrets(trial.session)
    return trial


async def _speak(bot: Any, ask: TurnRequest, trial: Trial) -> None:
    trial.session = dict(await bot.open(TurnRequest(ask.conversation_id, 0, [], ask.scenario)))
    if isinstance(bot, LookingUpBot):
        trial.sources = await bot.look_up(ask.text, lambda _: None)
    whole = TurnRequest(
        ask.conversation_id, 1, ask.messages, ask.scenario, trial.session, trial.sources
    )
    reply: Reply = await bot.reply(whole, lambda _: None)
    trial.bubbles, trial.parts, trial.ended = reply.bubbles, reply.parts, reply.ended
    trial.session = dict(reply.session or trial.session)
    await bot.close(whole)

"""Opens the bot's session: one side effect, in a step of its own."""

from langgraph.runtime import Runtime

from core.errors import BotError
from core.rules import route_after_open
from core.state import State
from nodes.calls.retry import attempts
from nodes.context import RunContext, bot_place, make_turn_request, retry_limits
from nodes.speakers.protocol import AnnotatedBot
from nodes.speakers.registry import Speakers


def _describe_seat(state: State, speakers: Speakers) -> str:
    persona = state["scenario"].get("card") or {}
    needs_model = persona.get("kind", "model") == "model" and "script" not in persona
    if state.get("seat") != "scripted" or speakers.settings.has_user_model or not needs_model:
        return ""
    return "; no model is configured, so the scripted learner speaks for the user"


async def open_session(state: State, runtime: Runtime[RunContext]) -> State:
    """Calls the bot's init, if it has one. A crash before the checkpoint repeats the same call."""
    speakers, emitter = runtime.context.speakers, runtime.context.emitter
    emitter.update_transcript(state.get("messages", []), state.get("turn", 0))
    request = make_turn_request(state, runtime, 0)
    bot = speakers.bot(request.scenario)
    emitter.status(
        "initializing", f"opening a session with {bot.name}{_describe_seat(state, speakers)}"
    )
    async with bot_place(speakers, request, bot, emitter):
        session = await attempts(
            lambda: bot.open(request),
            fail=BotError,
            who=bot.name,
            emitter=emitter,
            patience=retry_limits(speakers),
        )
    note = bot.note if isinstance(bot, AnnotatedBot) else ""
    emitter.status("initialized", f"{bot.name} is ready{f'; {note}' if note else ''}")
    done = state.get("turn", 0)
    asks_bot = bool(state.get("messages")) and await route_after_open(state) == "bot"
    return {"session": session, "turn": done, "sent": done + asks_bot, "spent_s": 0.0}

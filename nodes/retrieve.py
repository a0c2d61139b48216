"""What the bot looks up before it speaks: passages for the last line, in a step of their own."""

from langgraph.runtime import Runtime

from core.state import State
from nodes.context import RunContext, make_turn_request
from nodes.speakers.protocol import LookingUpBot


async def retrieve_passages(state: State, runtime: Runtime[RunContext]) -> State:
    """The sources of the coming turn: id, file, page, score and an excerpt. Raises `BotError`."""
    emitter, done = runtime.context.emitter, state.get("turn", 0)
    emitter.update_transcript(state.get("messages", []), done)
    request = make_turn_request(state, runtime, done + 1)
    bot = runtime.context.speakers.bot(request.scenario)
    if not isinstance(bot, LookingUpBot):
        return {"sources": []}

    def report(what: str) -> None:
        emitter.status("retrieving", what, turn=request.turn)

    report(f"{bot.name} looks up what it knows")
    return {"sources": await bot.look_up(request.text, report)}

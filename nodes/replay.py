"""A fork tells its fresh bot the recorded user lines again, one a step, and compares."""

from collections.abc import Sequence

from langgraph.runtime import Runtime

from core.errors import BotError
from core.events import Emitter
from core.lines import find_answered_lines
from core.message import Message
from core.parts import read_out
from core.state import State, mark_foreign
from nodes.calls.retry import attempts
from nodes.context import RunContext, bot_place, make_turn_request, retry_limits
from nodes.speakers.protocol import Reply, TurnRequest


async def replay_turn(state: State, runtime: Runtime[RunContext]) -> State:
    """The next recorded line goes to the bot; the transcript stays as it was."""
    speakers, emitter, messages = (
        runtime.context.speakers,
        runtime.context.emitter,
        state["messages"],
    )
    emitter.update_transcript(messages, state.get("turn", 0))
    done = state.get("replayed", 0)
    upto = find_answered_lines(messages)[done]
    turn = messages[upto + 1]["turn"]
    whole = make_turn_request(state, runtime, turn)
    unwatched = whole.scenario.model_copy(update={"pace": None})
    request = TurnRequest(
        whole.conversation_id, turn, messages[: upto + 1], unwatched, whole.session
    )
    bot = speakers.bot(whole.scenario)
    total = state["scenario"]["replay"]
    effects = speakers.config(whole.scenario).has_side_effects
    warning = "; what it causes happens again" if effects else ""
    said = f"recorded line {done + 1} of {total} told to {bot.name} again{warning}"
    emitter.status("replaying", said)
    async with bot_place(speakers, request, bot, emitter):
        reply = await attempts(
            lambda: bot.reply(request, ignore_piece),
            fail=BotError,
            who=bot.name,
            emitter=emitter,
            patience=retry_limits(speakers),
        )
    recorded = _recorded_answers(messages, upto)
    update: State = {"replayed": done + 1}
    if _tell_bubbles(reply) != recorded:
        update["messages"] = mark_foreign(range(upto + 1, upto + 1 + len(recorded)))
        if not state.get("diverged"):
            told = (recorded, _tell_bubbles(reply))
            _tell_divergence(emitter, bot.name, done + 1, upto + 1, told)
            update["diverged"] = upto + 1
    if reply.session is not None:
        update["session"] = dict(reply.session)
    return update


def _tell_divergence(
    emitter: Emitter, name: str, line: int, index: int, told: tuple[Sequence[str], Sequence[str]]
) -> None:
    recorded, replied = told
    emitter.status(
        "diverged",
        f"{name} answered recorded line {line} in another way than it did before",
        index=index,
        recorded="\n".join(recorded),
        replied="\n".join(replied),
    )


def ignore_piece(text: str) -> None:
    """What is said again is no part of the transcript."""


def _recorded_answers(messages: Sequence[Message], upto: int) -> list[str]:
    answers = []
    for line in messages[upto + 1 :]:
        if line["role"] == "user":
            break
        answers.append(read_out(line))
    return answers


def _tell_bubbles(reply: Reply) -> list[str]:
    parts = [*reply.parts, *[()] * len(reply.bubbles)]
    said = zip(reply.bubbles, parts, strict=False)
    return [read_out({"content": text, "parts": held}) for text, held in said]

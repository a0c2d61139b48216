"""Where a conversation goes next: pure functions of the state, and total."""

from collections.abc import Sequence
from typing import Literal

from core.ends import EndReason
from core.message import Message
from core.scenario import Scenario
from core.state import State

Next = Literal["replay", "bot", "user", "__end__"]


async def route_after_open(state: State) -> Next:
    """A fork's fresh bot hears the recorded lines first; else the speaker whose line it is."""
    return "replay" if count_pending_replay(state) else _choose_speaker(state)


async def route_after_replay(state: State) -> Next:
    return await route_after_open(state)


async def route_after_user(state: State) -> Next:
    return "__end__" if state.get("end_reason") else "bot"


async def route_after_bot(state: State) -> Next:
    return "__end__" if state.get("end_reason") else "user"


def _choose_speaker(state: State) -> Next:
    messages = state.get("messages", [])
    if messages:
        return "bot" if messages[-1]["role"] == "user" else "user"
    return "bot" if Scenario.read(state["scenario"]).first_speaker == "bot" else "user"


def count_pending_replay(state: State) -> int:
    """How many recorded user lines a fork's bot has yet to hear again."""
    return max(0, int(state["scenario"].get("replay", 0)) - state.get("replayed", 0))


def find_end_reason(
    scenario: Scenario, messages: Sequence[Message], turn: int, spent_s: float, closing: bool
) -> EndReason | None:
    """Why the conversation is over now that `turn` turns are done; the first reason wins."""
    if closing:
        return EndReason.USER_DONE
    if turn >= scenario.max_turns:
        return EndReason.MAX_TURNS
    if scenario.time_limit_s is not None and spent_s >= scenario.time_limit_s:
        return EndReason.TIME_LIMIT
    return EndReason.LOOP if is_loop(messages, scenario.loop_limit) else None


def is_loop(messages: Sequence[Message], limit: int | None) -> bool:
    """The same exchange, word for word, `limit` times in a row."""
    if limit is None or len(messages) < 2 * limit:
        return False
    last = messages[-2 * limit :]
    if [line["role"] for line in last] != ["user", "assistant"] * limit:
        return False
    lines = [line["content"].strip().casefold() for line in last]
    return len(set(lines[0::2])) == 1 and len(set(lines[1::2])) == 1

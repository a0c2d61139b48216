"""Where a conversation goes next: pure functions of the state, and total."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Literal

from core.ends import EndReason
from core.lines import are_lines_done
from core.message import Message, Refused
from core.scenario import Scenario
from core.state import Seat, State

Next = Literal["replay", "retrieve", "bot", "user", "__end__"]
Route = Callable[[State], Awaitable[Next]]


AskLookup = Callable[[State], bool]
"""Whether the conversation's bot looks things up before it speaks."""


def route_by_lookup(choose: Route, looks_up: AskLookup) -> Route:
    """The same choice, with the step `retrieve` before a bot that looks things up."""

    @wraps(choose)
    async def choose_step(state: State) -> Next:
        step = await choose(state)
        messages = state.get("messages", [])
        answers = bool(messages) and messages[-1]["role"] == "user"
        return "retrieve" if step == "bot" and answers and looks_up(state) else step

    return choose_step


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
    scenario: Scenario,
    messages: Sequence[Message],
    turn: int,
    *,
    spent_s: float,
    closing: bool,
    seat: Seat | None = None,
) -> EndReason | None:
    """Why the conversation is over now that `turn` turns are done; the first reason wins."""
    if closing:
        return EndReason.USER_DONE
    if seat != "human" and are_lines_done(scenario, messages):
        return EndReason.LINES_DONE
    if turn >= scenario.max_turns:
        return EndReason.MAX_TURNS
    if limit := _find_limit(scenario, messages, spent_s):
        return limit
    if says_goodbye_again(messages):
        return EndReason.USER_DONE
    return EndReason.LOOP if is_loop(messages, scenario.loop_limit) or is_stuck(messages) else None


def _find_limit(
    scenario: Scenario, messages: Sequence[Message], spent_s: float
) -> EndReason | None:
    if scenario.time_limit_s is not None and spent_s >= scenario.time_limit_s:
        return EndReason.TIME_LIMIT
    if scenario.token_limit is not None and count_tokens(messages) >= scenario.token_limit:
        return EndReason.COST_LIMIT
    return None


def count_tokens(messages: Sequence[Message]) -> int:
    """All that models counted for these messages, and for the lines refused before them."""
    return sum(_add_tokens(one) for line in messages for one in (line, *line.get("discarded", ())))


def _add_tokens(one: Message | Refused) -> int:
    usage = one.get("usage") or {}
    return usage.get("input_tokens", 0) + usage.get("output_tokens", 0)


STUCK_AFTER, GOODBYES = 5, 3
_GOODBYE = re.compile(
    r"\b(?:tạm biệt|tam biet|hẹn gặp lại|good ?bye|bye(?: bye)?|see you|chào (?:cô|thầy|robot|bạn)"
    r"|con (?:đi|xin phép) .{0,20}đây)\b",
    re.IGNORECASE,
)


def says_goodbye_again(messages: Sequence[Message]) -> bool:
    """A model-played user's last three lines were all farewells: it does not know how to leave."""
    if len(_last_simulated(messages, GOODBYES)) < GOODBYES:
        return False
    recent = messages[-2 * GOODBYES - 2 :]
    own = [at for at, line in enumerate(recent) if line["role"] == "user"][-GOODBYES:]
    return all(
        _is_farewell(recent[at]["content"], recent[at - 1]["content"] if at else "") for at in own
    )


def _is_farewell(line: str, before: str) -> bool:
    """A goodbye that is meant: neither a question about the word nor the word a bot asked for."""
    found = _GOODBYE.search(line)
    if found is None or "?" in line or _ABOUT_WORDS.search(line):
        return False
    wanted = " ".join(_ASKED_FOR.findall(before)).casefold()
    return found[0].casefold() not in wanted


# A bot that tells what it heard ("con vừa nói “tạm biệt”") asks for nothing.
_ASKED_FOR = re.compile(
    r"(?<!vừa )\b(?:nói|đọc|nhắc|viết|thử|say|repeat|write|type)\b[^“”\"\n]{0,40}"
    r"[“\"]([^“”\"\n]{1,80})[”\"]",
    re.IGNORECASE,
)
_ABOUT_WORDS = re.compile(
    r"\b(?:là gì|nghĩa|tiếng anh|tiếng việt|thay cho|mean|means|in english)\b", re.IGNORECASE
)


def is_stuck(messages: Sequence[Message]) -> bool:
    """A model-played user said nearly the same five times in a row; a short answer is no sign."""
    own = _last_simulated(messages, STUCK_AFTER)
    if len(own) < STUCK_AFTER:
        return False
    first = _words(own[0])
    return len(first) >= 3 and all(_are_near(first, _words(line)) for line in own[1:])


def _last_simulated(messages: Sequence[Message], count: int) -> list[str]:
    """The user's last lines, where a model said all of them."""
    own = [line for line in messages[-2 * count - 2 :] if line["role"] == "user"][-count:]
    return [line["content"] for line in own if line["origin"] == "simulated"]


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def _are_near(some: frozenset[str], others: frozenset[str]) -> bool:
    """At least nine of ten words are the same; another number says something else."""
    differ = some ^ others
    return len(differ) <= 0.1 * len(some | others) and not any(word.isdigit() for word in differ)


def is_loop(messages: Sequence[Message], limit: int | None) -> bool:
    """The same exchange, word for word, `limit` times in a row."""
    if limit is None or len(messages) < 2 * limit:
        return False
    last = messages[-2 * limit :]
    if [line["role"] for line in last] != ["user", "assistant"] * limit:
        return False
    lines = [line["content"].strip().casefold() for line in last]
    return len(set(lines[0::2])) == 1 and len(set(lines[1::2])) == 1

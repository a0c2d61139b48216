"""Going back: checkpoints of a conversation, and forks from any of them."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from core.errors import Conflict, Invalid
from core.lines import SIMULATE_REST, are_lines_done, find_answered_lines
from core.message import Message, new_message
from core.scenario import Scenario
from core.state import State, append_lines
from graph.runs.run import thread_config
from graph.runs.service import RunService
from graph.storage.conversation import Conversation

REPEATS = (
    "the bot keeps its own memory: a fresh session is opened and {count} recorded user lines are "
    "sent to it again{effects}; `status: diverged` tells the first reply that differs"
)
EFFECTS = "; what such calls cost or cause happens again"
FORKED = "the bot's own server forks it: it goes on from what it held after that turn"
LOST = (
    "the bot keeps its own memory and nothing is told to it again: its fresh session never heard "
    "what was said before, and {count} replies are marked as `not_in_session`"
)


async def checkpoints_of(runs: RunService, id: str, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` checkpoints, newest first, as clients see them."""
    found = []
    async for snapshot in runs.graph.aget_state_history(thread_config(id), limit=limit):
        place = (snapshot.config or {}).get("configurable", {})
        found.append(
            {
                "checkpoint_id": place["checkpoint_id"],
                "index": len(snapshot.values.get("messages") or []) - 1,
                "turn": snapshot.values.get("turn", 0),
                "next": list(snapshot.next),
                "created_at": snapshot.created_at,
            }
        )
    return found


async def fork(
    runs: RunService, row: Conversation, wanted: dict[str, Any], *, key: str | None = None
) -> dict[str, Any]:
    """A new conversation that begins like `row` and goes on with what `asked` changes.

    Raises `Invalid` and `Conflict`, each naming the field that does not fit.
    """
    messages = await runs.messages(row.id)
    kept, at = await _cut_transcript(runs, row, messages, wanted)
    changes = {k: v for k, v in wanted.items() if k not in ("index", "checkpoint_id", "message")}
    snapshot = await _persona_snapshot(runs, row, wanted)
    scenario = _scenario(runs, row, changes, kept)
    if "persona" not in wanted and scenario.persona not in runs.speakers.personas:
        scenario = scenario.model_copy(update={"persona": None})  # its card came along
    runs.speakers.check(scenario)
    bot = await _bring_knowledge(runs, row, scenario, kept)
    state = _state(runs, scenario, bot.kept, {"replay": bot.replay, "card": snapshot}, wanted)
    if bot.session:
        state["session"] = bot.session
    # The key covers what was asked, so that another fork under it is refused.
    id = await runs.create(
        scenario,
        client_id=row.client_id,
        key=key,
        body=_digest(row.id, wanted),
        parent=(row.id, at),
        state=state,
    )
    return {
        "conversation_id": id,
        "status": "created",
        "parent_id": row.id,
        "index": at,
        "warnings": [bot.warning] if bot.warning else [],
    }


def _digest(parent: str, wanted: dict[str, Any]) -> str:
    """Not the words themselves: the parent may be deleted while the fork stays."""
    return hashlib.sha256(repr((parent, sorted(wanted.items(), key=str))).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BotMemory:
    """How a fork's bot comes to know what was kept of the talk.

    `replay` lines are told to it again, `session` is what its opening finds, `warning` is for
    whoever forks.
    """

    kept: list[Message]
    replay: int = 0
    session: dict[str, Any] = field(default_factory=dict)
    warning: str = ""


async def _bring_knowledge(
    runs: RunService, row: Conversation, scenario: Scenario, kept: list[Message]
) -> BotMemory:
    memory = runs.speakers.memory(scenario)
    count = len(find_answered_lines(kept))
    if memory == "ours" or not count:
        return BotMemory(kept)
    if memory == "lost":
        foreign = sum(line["origin"] == "bot" for line in kept)
        return BotMemory([_mark(line) for line in kept], warning=LOST.format(count=foreign))
    if memory == "server_fork" and (source := await _find_thread(runs, row, scenario, kept)):
        return BotMemory(kept, session={"fork_of": source}, warning=FORKED)
    effects = EFFECTS if runs.speakers.config(scenario).has_side_effects else ""
    return BotMemory(kept, count, warning=REPEATS.format(count=count, effects=effects))


async def _find_thread(
    runs: RunService, row: Conversation, scenario: Scenario, kept: list[Message]
) -> dict[str, Any] | None:
    """What the same bot's server is to copy; None where it has nothing of this talk."""
    state = await runs.views.read_state(row.id)
    thread = (state.get("session") or {}).get("thread_id")
    same = scenario.bot_prompt is None and str(scenario.bot_id) == str(row.scenario["bot_id"])
    turn = max(line["turn"] for line in kept if line["role"] == "assistant")
    return {"thread_id": thread, "turn": turn} if same and thread and turn else None


def _mark(line: Message) -> Message:
    return {**line, "not_in_session": True} if line["origin"] == "bot" else line


async def _persona_snapshot(
    runs: RunService, row: Conversation, wanted: dict[str, Any]
) -> dict[str, Any]:
    """Who the user is: as the parent began with it, whatever its file says by now."""
    if "persona" in wanted:
        persona = runs.speakers.personas.get(wanted["persona"])
        if persona is None:
            raise Invalid("there is no persona with that name", "persona")
        return persona.model_dump(exclude_defaults=True)
    parent = (await runs.views.read_state(row.id)).get("scenario") or {}
    return dict(parent.get("card") or {})


async def _cut_transcript(
    runs: RunService, row: Conversation, messages: list[Message], wanted: dict[str, Any]
) -> tuple[list[Message], int]:
    index = wanted.get("index")
    if "checkpoint_id" in wanted:
        if index is not None:
            raise Invalid("give an index or a checkpoint_id, not both", "checkpoint_id")
        index = await _index_of(runs, row.id, wanted["checkpoint_id"])
    at = len(messages) - 1 if index is None else int(index)
    if at >= len(messages):
        raise Conflict(f"the conversation has messages 0 to {len(messages) - 1}", field="index")
    kept = messages[: at + 1]
    if "message" in wanted and kept and kept[-1]["role"] == "user":
        raise Conflict(
            "there is a user line at that place already; fork from before it", field="message"
        )
    return kept, at


async def _index_of(runs: RunService, id: str, checkpoint_id: str) -> int:
    place = {"configurable": {"thread_id": id, "checkpoint_id": checkpoint_id}}
    snapshot = await runs.graph.aget_state(place)  # type: ignore[arg-type]
    if not snapshot.created_at:
        raise Conflict("the conversation has no such checkpoint", field="checkpoint_id")
    return len(snapshot.values.get("messages") or []) - 1


def _scenario(
    runs: RunService, row: Conversation, changes: dict[str, Any], kept: list[Message]
) -> Scenario:
    """The parent's scenario with the changes; another persona or bot replaces what it excludes."""
    parent = {k: v for k, v in row.scenario.items() if k not in ("card", "replay")}
    if "bot_id" in changes:
        parent.pop("bot_prompt", None)
    turns = max((line["turn"] for line in kept), default=0)
    scenario = Scenario(**{**parent, **changes})
    if scenario.max_turns <= turns and kept and kept[-1]["role"] == "assistant":
        room = min(turns + (changes.get("max_turns") or row.max_turns), runs.settings.max_turns)
        scenario = scenario.model_copy(update={"max_turns": room})
    if are_lines_done(scenario, kept):  # the parent ended there; who forks it wants it to go on
        scenario = scenario.model_copy(update={"lines": [*scenario.lines, SIMULATE_REST]})
    return scenario


def _state(
    runs: RunService,
    scenario: Scenario,
    kept: list[Message],
    besides: dict[str, Any],
    wanted: dict[str, Any],
) -> State:
    turn = max((line["turn"] for line in kept if line["role"] == "assistant"), default=0)
    lines = list(kept)
    if "message" in wanted:
        new_line = new_message(
            "user", wanted["message"], index=len(kept), turn=turn + 1, origin="human", name="human"
        )
        lines.append(new_line)
    state: State = {
        "messages": append_lines(lines),
        "scenario": {**scenario.to_stored(), **besides},
        "seat": scenario.user or runs.speakers.default_seat,
    }
    if turn:
        state["turn"] = turn
    return state

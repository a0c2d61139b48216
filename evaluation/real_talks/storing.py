"""Real talks as conversations: masked, ended, and stored like all others, of the bot `imported`."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import uuid4

import orjson

from core.ends import EndReason, Status
from core.message import Message, new_message
from core.scenario import Scenario
from core.state import State, append_lines
from evaluation.real_talks.personal import Kind, mask_talk
from evaluation.real_talks.talk import RealLine, RealTalk, Refusal
from graph.runs.begin import build_first_row
from graph.runs.run import update_thread
from graph.runs.service import RunService

BOT = "imported"


@dataclass(slots=True)
class ImportReport:
    """What came of a file: talks stored now, those that were here, what was refused and masked."""

    stored: int = 0
    known: int = 0
    refused: list[Refusal] = field(default_factory=list)
    masked: Counter[Kind] = field(default_factory=Counter)


async def store_talk(runs: RunService, talk: RealTalk, file: str, report: ImportReport) -> None:
    """Stores a talk once, however often its file is imported."""
    texts, counts = mask_talk([line.text for line in talk.lines])
    lines = [RealLine(line.role, text) for line, text in zip(talk.lines, texts, strict=True)]
    digest = hashlib.sha256(orjson.dumps([file, talk.line, *map(list, lines)])).hexdigest()
    id = str(uuid4())
    stored = await _store(runs, id, lines, f"import {digest}")
    report.masked += counts
    report.stored += stored == id
    report.known += stored != id


async def _store(runs: RunService, id: str, lines: Sequence[RealLine], key: str) -> str:
    messages = _build_messages(lines)
    turns = messages[-1]["turn"]
    scenario = Scenario(bot_id=BOT, max_turns=max(1, min(turns, 2000)))
    state: State = {
        "messages": append_lines(messages),
        "scenario": {**scenario.to_stored(), "card": {}},
        "seat": "human",
        "turn": turns,
        "sent": turns,
        "end_reason": EndReason.LINES_DONE.value,
    }
    row = replace(
        build_first_row(id, scenario, state, None, None),
        status=Status.COMPLETED,
        end_reason=EndReason.LINES_DONE,
    )
    begin = partial(update_thread, runs.graph, id, dict(state), first=True)
    return await runs.storage.create(row, begin, key, key)


def _build_messages(lines: Sequence[RealLine]) -> list[Message]:
    """A turn is what the user says, also in several lines, and the answer; a greeting is turn 0."""
    messages: list[Message] = []
    turn, before = 0, "assistant"
    for index, line in enumerate(lines):
        turn += line.role == "user" and before == "assistant"
        before = line.role
        origin = "human" if line.role == "user" else "bot"
        messages.append(
            new_message(line.role, line.text, index=index, turn=turn, origin=origin)  # type: ignore[arg-type]
        )
    return messages

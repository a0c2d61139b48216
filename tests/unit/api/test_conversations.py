"""What is shown of a conversation fits together, whatever happens while it is read."""

from dataclasses import replace
from typing import Any

import orjson

from api.routes.conversations import _respond_with_transcript
from core.ends import Status
from core.message import Message, new_message
from graph.storage.conversation import Conversation
from tests.contract.worlds import ROW

LINES = [
    new_message("user", "một", index=0, turn=1, origin="scripted"),
    new_message("assistant", "1. một", index=1, turn=1, origin="bot"),
]


class EndingRun:
    """Takes its last step between any two things that are read."""

    def __init__(self) -> None:
        self.catalogue = self.storage = self
        self.reads = 0

    async def get(self, _id: str) -> Conversation:
        self.reads += 1
        return replace(ROW, status=Status.RUNNING if self.reads == 1 else Status.COMPLETED)

    async def messages(self, _id: str) -> list[Message]:
        self.reads += 1
        return LINES[: self.reads]

    async def list_children(self, _id: str) -> list[str]:
        return []

    def with_live_status(self, row: Conversation) -> Conversation:
        return row


async def test_what_is_shown_as_completed_has_its_last_message() -> None:
    runs: Any = EndingRun()
    shown = orjson.loads((await _respond_with_transcript(runs, "0")).body)
    assert len(shown["history"]) == 2 or shown["status"] == "running"

"""The scripted user: rules instead of a model."""

from demo.learner import next_line
from nodes.speakers.protocol import Ask, OnPiece, Said


class ScriptedUser:
    """Deterministic, and wrong now and then. Its lines come whole, so no piece is told."""

    name = "scripted learner"

    async def say(self, ask: Ask, piece: OnPiece) -> Said:
        return Said(next_line(ask.messages), "scripted")

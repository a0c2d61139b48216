"""The scripted user: rules instead of a model."""

from demo.learner import next_line
from nodes.speakers.protocol import OnPiece, TurnRequest, UserLine


class ScriptedUser:
    """Deterministic, and wrong now and then. Its lines come whole, so no piece is told."""

    name = "scripted learner"

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        return UserLine(next_line(ask.messages), "scripted")

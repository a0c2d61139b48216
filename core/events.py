"""What a run tells the world while it goes on; names and keys are a promise to clients."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from core.message import Message, Role

EventName = Literal["status", "token", "message", "discarded", "reset", "error", "done"]


class Emitter(Protocol):
    """Through which nodes report. Nothing here waits, nothing here fails."""

    def status(self, status: str, message: str, **facts: Any) -> None:
        """What is being done right now; `facts` are texts and numbers."""

    def piece(self, role: Role, text: str) -> None:
        """A preview of the message being said, as it arrives."""

    def reset(self, why: str) -> None:
        """The preview so far is void; the message is said anew."""

    def discard(self, text: str, why: str, **facts: Any) -> None:
        """A simulated line was refused and is asked for again; `facts` are what figures count:
        kind, persona, model and usage."""

    def update_transcript(self, messages: Sequence[Message], turn: int) -> None:
        """The whole transcript as it stands on disk, and the turns finished."""


class SilentEmitter:
    """An emitter that nobody hears."""

    def status(self, status: str, message: str, **facts: Any) -> None: ...

    def piece(self, role: Role, text: str) -> None: ...

    def reset(self, why: str) -> None: ...

    def discard(self, text: str, why: str, **facts: Any) -> None: ...

    def update_transcript(self, messages: Sequence[Message], turn: int) -> None: ...

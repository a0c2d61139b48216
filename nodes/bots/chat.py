"""Bots that are models: an OpenAI-compatible endpoint, or a system prompt that one plays."""

from typing import Any

from core.errors import BotError
from nodes.calls.models import ChatModel
from nodes.calls.retry import within
from nodes.prompts import OPEN_AS_BOT
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest


class ChatBot:
    """Resends the transcript each turn: it remembers nothing itself."""

    remembers = False
    greets = True

    def __init__(self, name: str, chat: ChatModel, system: str | None, timeout_s: float) -> None:
        self.name = name
        self._chat = chat
        self._system = system
        self._timeout_s = timeout_s

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        said = await within(
            self._timeout_s, BotError, self.name, self._chat.complete(self._prompt(ask), piece)
        )
        if not said.text.strip():
            why = f" ({said.refusal or said.finish_reason})" if said.finish_reason else ""
            raise BotError("empty", f"{self.name} gave an empty answer{why}", transient=True)
        return Reply([said.text], usage=said.usage)

    def _prompt(self, ask: TurnRequest) -> list[dict[str, str]]:
        system = [{"role": "system", "content": self._system}] if self._system else []
        said = [{"role": line["role"], "content": line["content"]} for line in ask.messages]
        opening = [] if ask.turn else [{"role": "user", "content": OPEN_AS_BOT}]
        return system + said + opening

    async def close(self, ask: TurnRequest) -> None:
        """It need not know."""

    async def ping(self) -> str:
        await within(self._timeout_s, BotError, self.name, self._chat.complete(_PING, _unheard))
        return f"{self.name} answers"


_PING = [{"role": "user", "content": "ping"}]


def _unheard(text: str) -> None:
    """A ping's answer interests nobody."""

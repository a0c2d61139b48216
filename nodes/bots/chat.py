"""Bots that are models: an OpenAI-compatible endpoint, or a system prompt that one plays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from core.errors import BotError
from core.message import Source
from core.settings import Settings
from nodes.bots.config import BotConfig, Seconds, Url
from nodes.bots.kinds import BotKind, Toolbox
from nodes.calls.retry import within
from nodes.knowledge.config import Knowledge
from nodes.knowledge.library import Library, open_library
from nodes.prompts import OPEN_AS_BOT
from nodes.prompts import prompt as prompt_text
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

if TYPE_CHECKING:
    from nodes.calls.models import ChatModel

NO_KEY = "OpenAI wants a key; set OPENAI_API_KEY, or give the bot a base_url or an api_key"
NO_MODEL = "no model is configured; set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server"


class OpenAIBot(BotConfig):
    """Any OpenAI-compatible chat endpoint."""

    memories = frozenset({"ours"})
    usual_memory = "ours"
    kind: Literal["openai"]
    api: Literal["chat", "responses"] = Field(
        "chat", description="Chat completions, or OpenAI's Responses API."
    )
    model: str | None = None
    base_url: Url | None = None
    api_key: str | None = None
    system: str | None = None
    knowledge: Knowledge | None = Field(None, description="What it looks things up in.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    timeout_s: Seconds | None = None


class PromptBot(BotConfig):
    """A bot made of a system prompt, played by the configured model."""

    memories = frozenset({"ours"})
    usual_memory = "ours"
    kind: Literal["prompt"]
    prompt: Annotated[str, Field(min_length=1)]
    knowledge: Knowledge | None = Field(None, description="What it looks things up in.")
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    timeout_s: Seconds | None = None


class ChatBot:
    """Resends the transcript each turn: it remembers nothing itself."""

    remembers = False
    greets = True

    def __init__(
        self,
        name: str,
        chat: "ChatModel",
        system: str | None,
        timeout_s: float,
        library: Library | None = None,
    ) -> None:
        self.name = name
        self._library = library
        self._chat = chat
        self._system = system
        self._timeout_s = timeout_s

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        prompt = self._prompt(ask, await self._read(ask))
        said = await within(
            self._timeout_s, BotError, self.name, self._chat.complete(prompt, piece)
        )
        if not said.text.strip():
            why = f" ({said.refusal or said.finish_reason})" if said.finish_reason else ""
            raise BotError("empty", f"{self.name} gave an empty answer{why}", transient=True)
        return Reply([said.text], usage=said.usage)

    async def look_up(self, text: str, report: Callable[[str], None]) -> list[Source]:
        return await self._library.find(text, report) if self._library else []

    async def _read(self, ask: TurnRequest) -> str:
        """The passages of the turn's sources as the model sees them."""
        if not (self._library and ask.sources and ask.turn):
            return ""
        passages = zip(ask.sources, await self._library.read([*ask.sources]), strict=True)
        parts = [f"[{_describe_place(source)}]\n{text}" for source, text in passages]
        return "\n\n".join([prompt_text("knowledge"), *parts])

    def _prompt(self, ask: TurnRequest, knowledge: str) -> list[dict[str, str]]:
        told = "\n\n".join(part for part in (self._system, knowledge) if part)
        system = [{"role": "system", "content": told}] if told else []
        said = [{"role": line["role"], "content": line["content"]} for line in ask.messages]
        opening = [] if ask.turn else [{"role": "user", "content": OPEN_AS_BOT}]
        return system + said + opening

    async def close(self, ask: TurnRequest) -> None:
        """It need not know."""

    async def ping(self) -> str:
        await within(self._timeout_s, BotError, self.name, self._chat.complete(_PING, _unheard))
        found = f", with {await self._library.describe()}" if self._library else ""
        return f"{self.name} answers{found}"


def _describe_place(source: Source) -> str:
    return f"{source['file']}, {source['page']}" if source["page"] else source["file"]


_PING = [{"role": "user", "content": "ping"}]


def _unheard(text: str) -> None:
    """A ping's answer interests nobody."""


def _make_openai(config: OpenAIBot, id: str, tools: Toolbox) -> ChatBot:
    timeout = config.timeout_s or tools.settings.model_timeout_s
    model = tools.chat_model(BotError, config)
    library = _open_library(config, id, tools)
    return ChatBot(config.name or f"bot {id}", model, config.system, timeout, library)


def _make_prompt(config: PromptBot, id: str, tools: Toolbox) -> ChatBot:
    timeout = config.timeout_s or tools.settings.model_timeout_s
    model = tools.chat_model(BotError, config)
    library = _open_library(config, id, tools)
    return ChatBot(config.name or f"bot {id}", model, config.prompt, timeout, library)


def _open_library(config: OpenAIBot | PromptBot, id: str, tools: Toolbox) -> Library | None:
    if config.knowledge is None:
        return None
    name = config.name or f"bot {id}"
    return open_library(config.knowledge, id, name, tools.settings, tools.http)


def _find_missing_key(config: OpenAIBot, settings: Settings) -> str | None:
    at_openai = not (config.base_url or config.api_key)
    return NO_KEY if at_openai and not settings.has_model else None


def _find_missing_model(_config: PromptBot, settings: Settings) -> str | None:
    return None if settings.has_model else NO_MODEL


KINDS = (
    BotKind(OpenAIBot, _make_openai, _find_missing_key),
    BotKind(PromptBot, _make_prompt, _find_missing_model),
)

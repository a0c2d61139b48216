"""Who can speak: the configured bots and personas, and the models that play them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import BotError, Invalid, SpeakerError, UserError
from core.events import Emitter
from core.files import resolve_secrets
from core.scenario import Scenario
from core.settings import Settings
from core.state import Seat
from demo.scripted import ScriptedUser
from demo.server import API as DEMO_API
from nodes.bots.config import (
    AnyBot,
    DemoBot,
    LangGraphBot,
    OpenAIBot,
    PromptBot,
    WebhookBot,
    missing_secrets,
    read_bots,
)
from nodes.bots.webhook import Webhook
from nodes.calls.http import HttpClient, delete
from nodes.speakers.personas import DEFAULT, Persona, load_snapshot, read_personas
from nodes.speakers.protocol import Bot, User

if TYPE_CHECKING:
    from nodes.calls.models import ChatModel


class Speakers:
    """All speakers of this process, built from the settings; `close` gives connections back."""

    def __init__(self, settings: Settings, demo_url: str | None = None) -> None:
        self.settings = settings
        self.bots = read_bots(settings.bots)
        self.personas = read_personas(settings.personas)
        self._demo_url = demo_url
        self._http = HttpClient()
        self._made: dict[str, Bot] = {}
        self._models: dict[tuple[Any, ...], ChatModel] = {}
        if settings.has_model or any(bot.kind == "openai" for bot in self.bots.values()):
            import nodes.calls.models  # noqa: F401 - takes a second, which the first turn must not wait

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def wants_end_call(self) -> bool:
        """Whether any bot wants to be told when a conversation has ended."""
        return any(isinstance(bot, WebhookBot) and bot.end for bot in self.bots.values())

    @property
    def default_seat(self) -> Seat:
        return "simulated" if self.settings.has_model else "scripted"

    def check(self, scenario: Scenario) -> None:
        """Raises `Invalid` for a scenario that these speakers cannot play."""
        config = self._config(scenario)
        missing = missing_secrets(config)
        if missing:
            raise Invalid(
                f"bot {scenario.bot_id} needs the environment variable {missing[0]}", "bot_id"
            )
        at_openai = isinstance(config, OpenAIBot) and not (config.base_url or config.api_key)
        if at_openai and not self.settings.has_model:
            raise Invalid(_NO_KEY, "bot_id")
        if (isinstance(config, PromptBot)) and not self.settings.has_model:
            raise Invalid(_NO_MODEL, "bot_id" if scenario.bot_prompt is None else "bot_prompt")
        if scenario.persona is not None and scenario.persona not in self.personas:
            raise Invalid(f"there is no persona {scenario.persona!r}", "persona")
        scripted = self.persona(scenario).kind == "scripted"
        if scenario.user == "simulated" and not (scripted or self.settings.has_model):
            raise Invalid(_NO_MODEL, "user")
        if scenario.first_speaker == "bot" and not self.bot(scenario).greets:
            hint = "; give it a greeting_message in bots.yaml" if config.kind == "webhook" else ""
            raise Invalid(
                f"this bot cannot speak first{hint}",
                "first_speaker",
            )

    def persona(self, scenario: Scenario) -> Persona:
        return self.personas[scenario.persona or DEFAULT]

    def bot(self, scenario: Scenario) -> Bot:
        """The bot under test. Raises `Invalid` where it is not configured."""
        if scenario.bot_prompt is not None:
            config = PromptBot(kind="prompt", name="bot", prompt=scenario.bot_prompt or " ")
            return self._make(config, str(scenario.bot_id))
        key = str(scenario.bot_id)
        if key not in self._made:
            self._made[key] = self._make(self._config(scenario), key)
        return self._made[key]

    async def forget(self, bot_id: str, id: str) -> None:
        """The demo bot is ours, so what it keeps of a conversation can go with it."""
        if self._demo_url and isinstance(self.bots.get(bot_id), DemoBot):
            await delete(self._http, f"{self._demo_url}{DEMO_API}/conversations/{id}")

    def by_id(self, bot_id: str) -> Bot:
        """A configured bot. Raises `Invalid`."""
        return self.bot(Scenario.model_construct(bot_id=bot_id))

    def user(
        self, scenario: Scenario, seat: Seat, persona_snapshot: Mapping[str, Any], emitter: Emitter
    ) -> User:
        """Who speaks for the user; the snapshot is the persona that the conversation began with."""
        persona = load_snapshot(persona_snapshot) if persona_snapshot else self.persona(scenario)
        if persona.kind == "scripted":
            return ScriptedUser(persona)
        if seat == "scripted":
            return ScriptedUser()
        if not self.settings.has_model:
            raise UserError("unreachable", _NO_MODEL, retryable=False)
        from nodes.speakers.simulated import SimulatedUser

        chat = self._model(UserError, temperature=persona.temperature)
        return SimulatedUser(
            persona,
            chat,
            scenario.user_prompt,
            self.settings.model_timeout_s,
            emitter,
            # Who writes a prompt and names no persona says there which language is spoken.
            any_language=bool(scenario.user_prompt) and scenario.persona is None,
        )

    def _config(self, scenario: Scenario) -> AnyBot:
        if scenario.bot_prompt is not None:
            return PromptBot(kind="prompt", prompt=scenario.bot_prompt or " ")
        try:
            return self.bots[str(scenario.bot_id)]
        except KeyError:
            known = ", ".join(sorted(self.bots))
            raise Invalid(
                f"there is no bot with that id; configured are {known}", "bot_id"
            ) from None

    def _make(self, config: AnyBot, key: str) -> Bot:
        match config:
            case DemoBot():
                return self._demo(config)
            case WebhookBot():
                named = config if config.name else config.model_copy(update={"name": f"bot {key}"})
                return Webhook(named, self._http, self.settings)
            case LangGraphBot():
                from nodes.bots.langgraph import LangGraphServerBot

                return LangGraphServerBot(config, self._http, self.settings)
            case OpenAIBot() | PromptBot():
                return self._chat_bot(config, key)

    def _demo(self, config: DemoBot) -> Bot:
        if self._demo_url is None:
            raise BotError(
                "unreachable", "the demo bot does not run in this process", retryable=False
            )
        webhook = WebhookBot(
            kind="webhook",
            name=config.name or "demo bot",
            preset="robot-lesson",
            base_url=self._demo_url,
            remote_bot_id=config.lesson,
            input_slots={"careless": True, "seed": "{{seed}}"} if config.careless else {},
        )
        return Webhook(webhook, self._http, self.settings)

    def _chat_bot(self, config: OpenAIBot | PromptBot, key: str) -> Bot:
        from nodes.bots.chat import ChatBot

        system = config.prompt if isinstance(config, PromptBot) else config.system
        chat = self._model(BotError, config)
        timeout = config.timeout_s or self.settings.model_timeout_s
        return ChatBot(config.name or f"bot {key}", chat, system, timeout)

    def _model(
        self,
        fail: type[SpeakerError],
        config: OpenAIBot | PromptBot | None = None,
        *,
        temperature: float | None = None,
    ) -> "ChatModel":
        from nodes.calls.models import chat_model

        own = config if isinstance(config, OpenAIBot) else None
        base_url, api_key = self._endpoint(own)
        facts: dict[str, Any] = {
            "model": (config and config.model) or self.settings.model,
            "base_url": base_url,
            "api_key": api_key,
            "temperature": config.temperature if config else temperature,
            "max_tokens": own.max_tokens if own else None,
            "address": own.base_url if own else None,
        }
        # ChatOpenAI takes 2 ms to make: one for all who ask the same model in the same way.
        known = (fail, *facts.values())
        if known not in self._models:
            self._models[known] = chat_model(self._http, fail, **facts)
        return self._models[known]

    def _endpoint(self, own: OpenAIBot | None) -> tuple[str | None, str | None]:
        """Where a model is and the key for it; our own key goes to no address that a bot names."""
        settings = self.settings
        base_url = (
            resolve_secrets(own.base_url) if own and own.base_url else settings.openai_base_url
        )
        if own and own.api_key:
            return base_url, resolve_secrets(own.api_key)
        key = settings.openai_api_key
        ours = base_url == settings.openai_base_url
        return base_url, key.get_secret_value() if key and ours else None


_NO_KEY = "OpenAI wants a key; set OPENAI_API_KEY, or give the bot a base_url or an api_key"
_NO_MODEL = "no model is configured; set OPENAI_API_KEY, or OPENAI_BASE_URL for a local server"

"""Who can speak: the configured bots and personas, and the models that play them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from core.errors import BotError, Invalid, SpeakerError, UserError
from core.events import Emitter
from core.files import resolve_secrets
from core.scenario import Scenario
from core.settings import Settings
from core.state import Seat
from nodes.bots.cassette import find_mode, is_never_called, put_on_cassette
from nodes.bots.chat import NO_MODEL, OpenAIBot, PromptBot
from nodes.bots.config import BotConfig, Memory, find_unset_variable, read_bots
from nodes.bots.kinds import Toolbox, bot_kinds
from nodes.calls.http import HttpClient
from nodes.calls.limits import CallLimits
from nodes.speakers.personas import DEFAULT, Persona, load_snapshot, read_personas
from nodes.speakers.protocol import Bot, ClosableBot, ForgettingBot, User
from nodes.speakers.users import make_user

if TYPE_CHECKING:
    from nodes.calls.models import ChatModel


class Speakers:
    """All speakers of this process, built from the settings; `close` gives connections back."""

    def __init__(self, settings: Settings, demo_url: str | None = None) -> None:
        self.settings = settings
        self.bots = read_bots(settings.bots)
        self.personas = read_personas(settings.personas)
        self._http = HttpClient()
        addresses = {"demo": demo_url} if demo_url else {}
        self._tools = Toolbox(self._http, settings, self._model, addresses)
        self._made: dict[str, Bot] = {}
        self._limits: dict[str, CallLimits] = {}
        self._models: dict[tuple[Any, ...], ChatModel] = {}
        if settings.has_user_model or any(bot.kind == "openai" for bot in self.bots.values()):
            import nodes.calls.models  # noqa: F401 - takes a second, which the first turn must not wait

    async def close(self) -> None:
        for bot in self._made.values():
            if isinstance(bot, ClosableBot):
                await bot.aclose()
        await self._http.aclose()

    @property
    def wants_end_call(self) -> bool:
        """Whether any bot wants to be told when a conversation has ended."""
        return any(bot.wants_end_call for bot in self.bots.values())

    @property
    def have_knowledge(self) -> bool:
        """Whether any bot looks things up."""
        return any(_has_knowledge(bot) for bot in self.bots.values())

    def looks_up(self, scenario: Scenario) -> bool:
        """Whether the scenario's bot looks things up."""
        bot = None if scenario.bot_prompt is not None else self.bots.get(str(scenario.bot_id))
        return bot is not None and _has_knowledge(bot)

    @property
    def default_seat(self) -> Seat:
        return "simulated" if self.settings.has_user_model else "scripted"

    def check(self, scenario: Scenario) -> None:
        """Raises `Invalid` for a scenario that these speakers cannot play."""
        config = self._config(scenario)
        if lack := self._find_lack(config, str(scenario.bot_id)):
            raise Invalid(lack, "bot_id" if scenario.bot_prompt is None else "bot_prompt")
        if scenario.persona is not None and scenario.persona not in self.personas:
            raise Invalid(f"there is no persona {scenario.persona!r}", "persona")
        needs_model = self.persona(scenario).kind == "model"
        if scenario.user == "simulated" and needs_model and not self.settings.has_user_model:
            raise Invalid(NO_MODEL, "user")
        if scenario.first_speaker == "bot" and not self.bot(scenario).greets:
            raise Invalid(
                f"this bot cannot speak first{config.greeting_hint}",
                "first_speaker",
            )

    def persona(self, scenario: Scenario) -> Persona:
        return self.personas[scenario.persona or DEFAULT]

    def bot(self, scenario: Scenario) -> Bot:
        """The bot under test. Raises `Invalid` where it is not configured.

        Raises `BotError` where a variable is not set: a conversation outlives its environment.
        """
        if scenario.bot_prompt is not None:
            config = PromptBot(kind="prompt", name="bot", prompt=scenario.bot_prompt or " ")
            return self._make(config, str(scenario.bot_id))
        key = str(scenario.bot_id)
        if key not in self._made:
            self._made[key] = self._make(self._config(scenario), key)
        return self._made[key]

    def config(self, scenario: Scenario) -> BotConfig:
        """How the bot under test is described. Raises `Invalid` where it is not configured."""
        return self._config(scenario)

    def memory(self, scenario: Scenario) -> Memory:
        """Who knows the conversation so far; a bot that is replayed needs to know nothing."""
        config = self._config(scenario)
        if config.cassette is not None and find_mode(config, self.settings) == "replay":
            return "ours"
        return config.memory or ("replay" if self.bot(scenario).remembers else "ours")

    def make_alone(self, bot_id: str) -> Bot:
        """A configured bot that no conversation shares; who asks for it closes it."""
        return self._make(self._config(Scenario.model_construct(bot_id=bot_id)), bot_id)

    def limits(self, scenario: Scenario) -> CallLimits:
        """How often the bot under test may be called."""
        key = str(scenario.bot_id)
        if key not in self._limits:
            config = self._config(scenario)
            self._limits[key] = CallLimits(config.max_concurrent, config.per_minute)
        return self._limits[key]

    async def forget(self, bot_id: str, id: str) -> None:
        """A bot that can forget a conversation does; the others are left alone."""
        if bot_id in self.bots:
            with suppress(BotError):
                bot = self.by_id(bot_id)
                if isinstance(bot, ForgettingBot):
                    await bot.forget(id)

    def by_id(self, bot_id: str) -> Bot:
        """A configured bot. Raises `Invalid`."""
        return self.bot(Scenario.model_construct(bot_id=bot_id))

    def user(
        self, scenario: Scenario, seat: Seat, persona_snapshot: Mapping[str, Any], emitter: Emitter
    ) -> User:
        """Who speaks for the user; the snapshot is the persona that the conversation began with."""
        persona = load_snapshot(persona_snapshot) if persona_snapshot else self.persona(scenario)
        if persona.kind != "model":
            return make_user(persona.kind, persona)
        if seat == "scripted":
            return make_user("scripted", persona if persona.script else _LEARNER)
        if not self.settings.has_user_model:
            raise UserError("unreachable", NO_MODEL, retryable=False)
        from nodes.speakers.simulated import SimulatedUser

        return SimulatedUser(
            persona,
            self._user_model(persona, scenario.user_model),
            scenario.user_prompt,
            self.settings.model_timeout_s,
            emitter,
            # Who writes a prompt and names no persona says there which language is spoken.
            any_language=bool(scenario.user_prompt) and scenario.persona is None,
        )

    def name_user_model(self, persona: Persona, wanted: str | None = None) -> str:
        """The model that plays this persona, where a model does."""
        return wanted or persona.model or self.settings.user_model or self.settings.model

    def _user_model(self, persona: Persona, wanted: str | None) -> "ChatModel":
        settings = self.settings
        key = settings.user_api_key
        elsewhere = settings.user_base_url is not None
        base_url, own_key = self._endpoint(None)
        return self._chat(
            UserError,
            model=self.name_user_model(persona, wanted),
            base_url=settings.user_base_url if elsewhere else base_url,
            api_key=key.get_secret_value() if key else None if elsewhere else own_key,
            address=None,
            sampling=(persona.temperature, None, persona.seed),
        )

    def _config(self, scenario: Scenario) -> BotConfig:
        if scenario.bot_prompt is not None:
            return PromptBot(kind="prompt", prompt=scenario.bot_prompt or " ")
        try:
            return self.bots[str(scenario.bot_id)]
        except KeyError:
            known = ", ".join(sorted(self.bots))
            raise Invalid(
                f"there is no bot with that id; configured are {known}", "bot_id"
            ) from None

    def _find_lack(self, config: BotConfig, key: str) -> str | None:
        """What a bot lacks to be called; one that is only replayed lacks nothing."""
        if is_never_called(config, self.settings):
            return None
        unset = find_unset_variable(config, key, self.settings.bots)
        return unset or bot_kinds()[config.kind].find_missing(config, self.settings)

    def _make(self, config: BotConfig, key: str) -> Bot:
        called = not is_never_called(config, self.settings)
        if called and (unset := find_unset_variable(config, key, self.settings.bots)):
            raise BotError("unreachable", unset, retryable=False, unheard=True)
        bot = bot_kinds()[config.kind].make(config, key, self._tools)
        return put_on_cassette(bot, config, self.settings)

    def _model(
        self,
        fail: type[SpeakerError],
        config: BotConfig | None = None,
    ) -> "ChatModel":
        asked = config if isinstance(config, OpenAIBot | PromptBot) else None
        own = config if isinstance(config, OpenAIBot) else None
        base_url, api_key = self._endpoint(own)
        return self._chat(
            fail,
            model=(asked and asked.model) or self.settings.model,
            base_url=base_url,
            api_key=api_key,
            sampling=(asked and asked.temperature, own and own.max_tokens, None),
            address=own.base_url if own else None,
            responses=own is not None and own.api == "responses",
        )

    def _chat(
        self, fail: type[SpeakerError], *, sampling: tuple[Any, ...], **facts: Any
    ) -> "ChatModel":
        from nodes.calls.models import Sampling, chat_model

        # ChatOpenAI takes 2 ms to make: one for all who ask the same model in the same way.
        known = (fail, *sampling, *facts.values())
        if known not in self._models:
            self._models[known] = chat_model(
                self._http, fail, sampling=Sampling(*sampling), **facts
            )
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


def _has_knowledge(bot: BotConfig) -> bool:
    return getattr(bot, "knowledge", None) is not None


_LEARNER = Persona(kind="scripted", name="scripted learner")

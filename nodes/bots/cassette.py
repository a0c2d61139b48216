"""Records what a bot of any kind answers, and answers from the recording without calling it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from core.errors import BotError
from core.lines import find_answered_lines
from core.message import Source
from core.settings import Settings
from nodes.bots.config import BotConfig, mask_secrets
from nodes.bots.tape import Recording, Tape, make_key, make_talk_id
from nodes.bots.trying import Exchange, Watch, WatchedBot, hide_secrets, is_secret_name
from nodes.speakers.protocol import (
    Bot,
    ClosableBot,
    ForgettingBot,
    LookingUpBot,
    OnPiece,
    Reply,
    TurnRequest,
)

Mode = Literal["record", "replay", "off"]
PLACE = "cassette"
"""The key of a session under which stands whether the bot itself knows this conversation."""
MOST_OPEN = 10_000
_SHORT = 6


@dataclass(slots=True)
class _Retelling:
    """How much of a conversation the real bot heard again; a further try goes on there."""

    session: dict[str, Any]
    told: set[int] = field(default_factory=set)


class CassetteBot:
    """A bot whose replies are recorded, or come from the recording.

    Where a recorded conversation goes on with the real bot (`miss: live`), a fresh session is
    opened, and a bot with a memory of its own is told the earlier lines again first.
    """

    def __init__(
        self, bot: Bot, tape: Tape, mode: Mode, config: BotConfig, mask: "Mask", *, live: bool
    ) -> None:
        self._bot, self._tape, self._mode = bot, tape, mode
        self._live, self._version, self._mask = live, config.version, mask
        self._retells = bot.remembers and config.memory not in ("ours", "lost")
        self._taken: OrderedDict[str, list[str]] = OrderedDict()
        self._retelling: OrderedDict[str, _Retelling] = OrderedDict()
        self.name = bot.name
        self.greets = bot.greets
        self._watch: Watch | None = None

    @property
    def remembers(self) -> bool:
        """A fork need not tell a recording anything; what goes live retells on its own."""
        return self._bot.remembers and self._mode != "replay"

    @property
    def note(self) -> str:
        """What its cassette does, for whoever watches the conversation."""
        file = self._tape.file.name
        return {"replay": f"answers come from {file}", "record": f"records into {file}"}.get(
            self._mode, ""
        )

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        """Opens the bot's session; in replay nobody is called."""
        if self._mode == "replay":
            return {PLACE: "replay"}
        return await self._bot.open(ask)

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        """The recorded reply, else the bot's own. Raises `BotError` of kind `unrecorded`."""
        place = ask.session.get(PLACE)
        if self._mode == "replay" and place != "live":
            if recording := await self._find(ask):
                return self._replay(recording, ask, piece)
            if not self._live:
                raise await self._miss(ask)
            return await self._go_live(ask, piece)
        if place == "replay":
            return await self._go_live(ask, piece)
        return await self._record(ask, piece)

    async def close(self, ask: TurnRequest) -> None:
        """Tells the bot that it is over, where the bot was there at all."""
        if ask.session.get(PLACE) == "live" or self._mode != "replay":
            await self._bot.close(ask)

    async def ping(self) -> str:
        """What is recorded, where nobody is called; else what the bot says."""
        if self._mode != "replay" or self._live:
            return await self._bot.ping()
        count = await asyncio.to_thread(self._tape.count, self._version)
        return f"{self.name} answers from {self._tape.file.name}: {count} recorded replies"

    async def look_up(self, text: str, report: Callable[[str], None]) -> list[Source]:
        """What the bot looks up; that needs no network."""
        bot = self._bot
        return await bot.look_up(text, report) if isinstance(bot, LookingUpBot) else []

    async def forget(self, conversation_id: str) -> None:
        if isinstance(self._bot, ForgettingBot) and self._mode != "replay":
            await self._bot.forget(conversation_id)

    async def aclose(self) -> None:
        if isinstance(self._bot, ClosableBot):
            await self._bot.aclose()

    @property
    def watch(self) -> Watch | None:
        return self._watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._watch = watch
        if isinstance(self._bot, WatchedBot):
            self._bot.watch = watch

    async def _find(self, ask: TurnRequest) -> Recording | None:
        """The reply that was recorded after these lines.

        Its own conversation's first; of others each conversation that asks takes the next.
        """
        key, talk = self._key(ask, self._mask), make_talk_id(ask.conversation_id)
        found = await asyncio.to_thread(self._tape.find, key, self._version)
        own = [each for each in found if each.talk == talk]
        if own or not found:
            return own[0] if own else None
        takers = self._taken.setdefault(key, [])
        self._taken.move_to_end(key)
        if talk not in takers:
            takers.append(talk)
        if len(self._taken) > MOST_OPEN:
            self._taken.popitem(last=False)
        return found[takers.index(talk) % len(found)]

    def _key(self, ask: TurnRequest, mask: "Mask") -> str:
        """Of the texts as they are recorded: a replayed talk has the masked ones."""
        said = [(line["role"], mask(line["content"])) for line in ask.messages]
        return make_key(said, greets=ask.turn == 0)

    def _replay(self, recording: Recording, ask: TurnRequest, piece: OnPiece) -> Reply:
        if len(recording.bubbles) == 1:
            piece(recording.bubbles[0])
        if self._watch is not None:
            answer = "\n".join(recording.bubbles)
            self._watch(Exchange("REPLAY", self._tape.file.name, {}, ask.text, None, answer, 0))
        return Reply(
            list(recording.bubbles),
            recording.ended,
            usage=recording.usage,
            session={**recording.session, PLACE: "replay"},
            recorded_ms=recording.took_ms,
            parts=recording.parts,
        )

    async def _record(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        began = monotonic()
        reply = await self._bot.reply(ask, piece)
        if self._mode == "off":
            return reply
        session = dict(reply.session or ask.session)
        mask = self._mask.with_session(session)
        recording = Recording(
            self._key(ask, mask),
            make_talk_id(ask.conversation_id),
            ask.turn,
            mask(ask.text),
            [mask(text) for text in reply.bubbles],
            reply.ended,
            self._version,
            round((monotonic() - began) * 1000),
            reply.usage,
            {} if self._bot.remembers else mask.deep(hide_secrets(session)),
            [[mask.deep(dict(part)) for part in parts] for parts in reply.parts],
        )
        await asyncio.to_thread(self._tape.add, recording)
        return reply

    async def _go_live(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        """The bot itself answers: in a session of its own, after it heard what was said before."""
        id = ask.conversation_id
        telling = self._retelling.get(id)
        if telling is None:
            session = {k: v for k, v in ask.session.items() if k != PLACE}
            telling = _Retelling(session | await self._bot.open(replace(ask, turn=0, messages=[])))
            self._retelling[id] = telling
            if len(self._retelling) > MOST_OPEN:
                self._retelling.popitem(last=False)
        if self._retells:
            await self._retell(ask, telling)
        reply = await self._record(replace(ask, session=telling.session), piece)
        self._retelling.pop(id, None)
        return replace(reply, session={**(reply.session or telling.session), PLACE: "live"})

    async def _retell(self, ask: TurnRequest, telling: _Retelling) -> None:
        for at, turn in _find_answered(ask):
            if at in telling.told:
                continue
            earlier = replace(
                ask, turn=turn, messages=ask.messages[: at + 1], session=telling.session
            )
            heard = await self._bot.reply(earlier, lambda _: None)
            telling.session = dict(heard.session or telling.session)
            telling.told.add(at)

    async def _miss(self, ask: TurnRequest) -> BotError:
        versions = await asyncio.to_thread(self._tape.find_versions)
        what = f"what {self.name} answers to turn {ask.turn} of this conversation"
        mine = self._version or "none"
        why = ""
        if versions and mine not in versions:
            why = f"; it has version {', '.join(versions)} of the bot, not {mine}"
        said = f"{self._tape.file.name} does not have {what}{why}"
        hint = "record it with DUOLOGUE_CASSETTES=record"
        return BotError("unrecorded", f"{said}; {hint}", retryable=False, unheard=True)


def _find_answered(ask: TurnRequest) -> list[tuple[int, int]]:
    """Where the lines stand that the bot answered before this one, each with its turn."""
    places = find_answered_lines(ask.messages)
    return [(at, ask.messages[at + 1]["turn"]) for at in places]


class Mask:
    """Blacks out the secrets that a bot may repeat: those of its description and of the server."""

    def __init__(self, config: BotConfig, settings: Settings, more: tuple[str, ...] = ()) -> None:
        self._config, self._settings, self._more = config, settings, more

    def __call__(self, text: str) -> str:
        for key in (self._settings.openai_api_key, self._settings.user_api_key):
            text = text.replace(key.get_secret_value(), "***") if key else text
        for value in self._more:
            text = text.replace(value, "***")
        return mask_secrets(self._config, text)

    def with_session(self, session: Mapping[str, Any]) -> "Mask":
        """The same, for the captured values whose names say that they are secret as well."""
        values = [value for name, value in session.items() if is_secret_name(name)]
        long = tuple(v for v in values if isinstance(v, str) and len(v) >= _SHORT)
        return Mask(self._config, self._settings, long)

    def deep(self, value: Any) -> Any:
        """The same value, with every text in it masked."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {name: self.deep(each) for name, each in value.items()}
        return [self.deep(each) for each in value] if isinstance(value, list) else value


def find_mode(config: BotConfig, settings: Settings) -> Mode:
    """What its cassette does in this process."""
    return (settings.cassettes or config.cassette.mode) if config.cassette else "off"


def is_never_called(config: BotConfig, settings: Settings) -> bool:
    """Whether nobody is called at all: then it needs neither secrets nor a key."""
    strict = config.cassette is not None and config.cassette.miss == "error"
    return strict and find_mode(config, settings) == "replay"


def put_on_cassette(bot: Bot, config: BotConfig, settings: Settings) -> Bot:
    """The bot with its cassette, if it has one."""
    if config.cassette is None:
        return bot
    folder: Path = settings.bots.absolute().parent
    tape = Tape(folder / config.cassette.file)
    return CassetteBot(
        bot,
        tape,
        find_mode(config, settings),
        config,
        Mask(config, settings),
        live=config.cassette.miss == "live",
    )

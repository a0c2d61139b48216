"""What a node asks of a speaker and what it gets back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from core.message import Invented, Message, Origin, Refused, Source, Usage
from core.parts import Part, find_choice
from core.scenario import Scenario

OnPiece = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One call to a speaker. `turn` counts from 1; 0 asks the bot for its greeting."""

    conversation_id: str
    turn: int
    messages: Sequence[Message]
    scenario: Scenario
    session: Mapping[str, Any] = field(default_factory=dict)
    sources: Sequence[Source] = ()

    @property
    def text(self) -> str:
        """The line to be answered; empty where nothing was said yet."""
        return self.messages[-1]["content"] if self.messages else ""

    @property
    def choice(self) -> Part | None:
        """The button of the bot's last reply that the line chooses by its title."""
        return find_choice(self.messages, self.text, len(self.messages) - 1)

    @property
    def seed(self) -> str:
        """What a speaker may draw its chance from: the scenario's seed, or the conversation."""
        given = self.scenario.seed
        return self.conversation_id if given is None else str(given)

    def combine_seeds(self, own: int | None) -> str:
        """The scenario's seed and a person's own; empty where there is neither."""
        return "/".join(str(seed) for seed in (self.scenario.seed, own) if seed is not None)

    @property
    def key(self) -> str:
        """The Idempotency-Key: a function of conversation and turn, the same after a crash."""
        return f"{self.conversation_id}:{self.turn}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot said: one bubble or more, and what it told besides.

    `parts` are, bubble by bubble, what each holds besides its text: a bubble of nothing else has
    an empty text. There may be fewer of them than bubbles.
    `recorded_ms` is set where the reply comes from a cassette: the time it took when it was given.
    """

    bubbles: Sequence[str]
    ended: bool = False
    usage: Usage | None = None
    session: Mapping[str, Any] | None = None
    recorded_ms: int | None = None
    parts: Sequence[Sequence[Part]] = ()


@dataclass(frozen=True, slots=True)
class UserLine:
    """What the user says. `leaving` means: deliver this, hear the answer, then go.

    `discarded` are the lines that were refused before this one, `behaviour` what was drawn for it,
    `invented` the names and figures in it that nobody gave the person, `typed` the habits of
    typing that were drawn, `aims` what the person says it has reached, `model` who played it.
    """

    text: str
    origin: Origin
    leaving: bool = False
    usage: Usage | None = None
    discarded: Sequence[Refused] = ()
    behaviour: str | None = None
    invented: Sequence[Invented] = ()
    typed: Sequence[str] = ()
    aims: Sequence[str] = ()
    model: str = ""


class Bot(Protocol):
    """A bot under test."""

    @property
    def name(self) -> str: ...

    @property
    def remembers(self) -> bool:
        """It keeps the conversation itself, so that a fork must tell it the user's lines again."""

    @property
    def greets(self) -> bool:
        """It can speak first."""

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        """Opens a session; gives the values that later calls need. Raises `BotError`."""

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        """Answers the last line, telling each `piece` as it arrives. Raises `BotError`."""

    async def close(self, ask: TurnRequest) -> None:
        """Tells the bot that the conversation has ended, if it wants to know. Raises `BotError`."""

    async def ping(self) -> str:
        """Tries whether the bot can be reached and says what it found. Raises `BotError`."""


@runtime_checkable
class ForgettingBot(Protocol):
    """A bot that can be told to forget a conversation."""

    async def forget(self, conversation_id: str) -> None: ...


@runtime_checkable
class LookingUpBot(Protocol):
    """A bot that looks things up before it speaks."""

    async def look_up(self, text: str, report: Callable[[str], None]) -> list[Source]:
        """What it knows about a text, best first. Raises `BotError`."""


@runtime_checkable
class AnnotatedBot(Protocol):
    """A bot of which people should know something when it is opened."""

    @property
    def note(self) -> str: ...


@runtime_checkable
class ClosableBot(Protocol):
    """A bot that holds something of its own: a process, connections."""

    async def aclose(self) -> None: ...


class User(Protocol):
    """Who talks to the bot, unless a person does."""

    @property
    def name(self) -> str: ...

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        """The next line; `ask.turn` is the turn it begins. Raises `UserError`."""

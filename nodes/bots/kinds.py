"""The kinds of bot: each is one file that registers itself, ours and those of other packages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from importlib import import_module
from importlib.metadata import entry_points
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, create_model

import nodes.bots
from core.errors import ConfigError, SpeakerError
from core.scenario import BotId
from core.settings import Settings
from nodes.bots.config import BotConfig, Config
from nodes.calls.http import HttpClient
from nodes.speakers.protocol import Bot

if TYPE_CHECKING:
    from nodes.calls.models import ChatModel

ENTRY_POINTS = "duologue.bots"


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What a bot may be built with. `addresses` are servers that this process runs, by name.

    `chat_model(fail, config)` is the model that a bot's `model`, `base_url`, … describe.
    """

    http: HttpClient
    settings: Settings
    chat_model: "Callable[[type[SpeakerError], BotConfig], ChatModel]"
    addresses: Mapping[str, str] = field(default_factory=dict)


def _nothing(_config: Any, _settings: Settings) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class BotKind:
    """A kind of bot: how bots.yaml describes one, and how it is made of that.

    `config` is a model whose field `kind` is a `Literal` with the kind's name. `make` gets a
    description, the bot's id and the toolbox; it may raise `BotError`. `find_missing` says what a
    bot of this kind lacks, as a sentence; environment variables are looked after for all kinds.
    `built_in` are bots that are there without a file.
    """

    config: type[BotConfig]
    make: Callable[[Any, str, Toolbox], Bot]
    find_missing: Callable[[Any, Settings], str | None] = _nothing
    built_in: Mapping[str, BotConfig] = field(default_factory=dict)

    @property
    def name(self) -> str:
        (name,) = self.config.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]
        return str(name)


_KINDS: dict[str, BotKind] = {}


def register_bot_kind(kind: BotKind) -> None:
    """From now on bots.yaml knows this kind. Raises `ConfigError` where the name is taken."""
    if _KINDS.setdefault(kind.name, kind) is not kind:
        raise ConfigError(f"two packages bring the kind of bot {kind.name!r}")
    bots_file_model.cache_clear()


def bot_kinds() -> Mapping[str, BotKind]:
    """All kinds by name: of this folder, of entry points, and what registered itself."""
    _load_kinds()
    return _KINDS


@cache
def _load_kinds() -> None:
    for module in iter_modules(nodes.bots.__path__, "nodes.bots."):
        for kind in getattr(import_module(module.name), "KINDS", ()):
            register_bot_kind(kind)
    for entry in entry_points(group=ENTRY_POINTS):
        kind = entry.load()
        if not isinstance(kind, BotKind):
            raise ConfigError(f"the entry point {entry.name} of {ENTRY_POINTS} is no BotKind")
        register_bot_kind(kind)


@cache
def bots_file_model() -> type[BaseModel]:
    """The model of the file `bots.yaml`, with every kind that is known."""
    union: Any = reduce(or_, (kind.config for _, kind in sorted(bot_kinds().items())))
    any_bot = Annotated[union, Field(discriminator="kind")]
    return create_model(
        "BotsFile",
        __base__=Config,
        __doc__="The file `bots.yaml`.",
        bots=(dict[BotId, any_bot], ...),
    )


def built_in_bots() -> dict[str, BotConfig]:
    """The bots that are there without a file."""
    return {id: bot for kind in bot_kinds().values() for id, bot in kind.built_in.items()}

"""`bots.yaml`: the bots that can be put under test, by id."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.files import (
    Loc,
    check_secret_names,
    fault_at,
    find_secret_names,
    find_secret_places,
    load,
)
from nodes.bots.templates import check_path

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_SECRET_NAME = re.compile(r"authorization|cookie|key|token|secret", re.IGNORECASE)
_KNOWN = re.compile(
    r"conversation_id|message|line|payload|bot_id|turn|seed|key|input_slots|remote_bot_id"
    r"|session\.\w+"
)


def find_variables(value: Any) -> set[str]:
    """The names used as `{{name}}` anywhere in a template."""
    return {name for text in _find_texts(value) for name in _VARIABLE.findall(text)}


def _find_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from (text for item in pair for text in _find_texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from _find_texts(item)


def check_template(value: Any) -> Any:
    """The template, if all its variables are known. Raises `ValueError`."""
    for text in _find_texts(value):
        check_secret_names(text)
    unknown = sorted(name for name in find_variables(value) if not _KNOWN.fullmatch(name))
    if unknown:
        raise ValueError(
            f"unknown template variable {{{{{unknown[0]}}}}}; known are conversation_id, "
            "message, line, payload, bot_id, turn, seed, key, input_slots, remote_bot_id and "
            "session.NAME"
        )
    return value


def _check_url(value: str) -> str:
    if not re.match(r"^(https?://[^/\s]+|\$\{\w+\})", value):
        raise ValueError("must begin with http:// or https://")
    return value


def _check_call_url(value: str) -> str:
    return value if value.startswith("/") else _check_url(value)


Template = Annotated[Any, AfterValidator(check_template)]
Url = Annotated[str, AfterValidator(_check_url), AfterValidator(check_template)]
CallUrl = Annotated[str, AfterValidator(_check_call_url), AfterValidator(check_template)]
Path_ = Annotated[
    str,
    Field(
        min_length=1, description="A dotted path, as data.message or 0.text, or JSONPath: $.a[*]"
    ),
    AfterValidator(check_path),
]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Config(BaseModel):
    """Part of a bot's description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cassette(Config):
    """Where a bot's replies are recorded, and whether they come from there."""

    file: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="A file of JSON lines, from the folder of bots.yaml."
    )
    mode: Literal["record", "replay", "off"] = Field(
        "replay", description="DUOLOGUE_CASSETTES says otherwise for all bots."
    )
    miss: Literal["error", "live"] = Field(
        "error", description="What is not recorded is an error, or the bot itself is asked."
    )


Memory = Literal["ours", "replay", "server_fork", "lost"]
"""Who knows a conversation, and so what a fork of it takes; docs/bots.md says which is which."""


class BotConfig(Config):
    """What the description of a bot of any kind may hold. Each kind adds `kind`, a literal."""

    kind: str
    name: str | None = None
    description: str = ""
    version: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="Which release of the bot this is; results are told apart by it."
    )
    max_concurrent: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="So many calls to it at once, in each process; others wait their turn."
    )
    per_minute: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="So many calls to it a minute, evenly spread, in each process."
    )
    memory: Memory | None = Field(
        None, description="Who knows the conversation so far; without it what is usual of its kind."
    )
    side_effects: bool | None = Field(
        None, description="Its calls cause something elsewhere; true for remote services."
    )
    cassette: Cassette | None = Field(
        None, description="Records what it answers, and replays that without calling it."
    )
    memories: ClassVar[frozenset[str]] = frozenset({"ours", "replay", "lost"})
    """What `memory` may be."""
    usual_memory: ClassVar[Memory | None] = None
    """What `memory` is where nothing is said, for lists; the bot's `remembers` decides."""
    causes_effects: ClassVar[bool] = False
    """What `side_effects` is where nothing is said."""
    greeting_hint: ClassVar[str] = ""
    """What to do where it cannot speak first, to follow a sentence that says so."""

    @model_validator(mode="after")
    def _can_remember_so(self) -> Self:
        if self.memory is not None and self.memory not in self.memories:
            fits = " or ".join(sorted(self.memories))
            raise ValueError(f"memory of a bot of kind {self.kind} is {fits}, not {self.memory}")
        return self

    @property
    def has_side_effects(self) -> bool:
        """Whether calling it again causes something again."""
        return self.causes_effects if self.side_effects is None else self.side_effects

    @property
    def wants_end_call(self) -> bool:
        """Whether it wants to be told when a conversation has ended."""
        return False


def read_bots(path: Path) -> dict[str, BotConfig]:
    """The configured bots by id as text, with those that are always there. Raises ConfigError."""
    from nodes.bots.kinds import bots_file_model, built_in_bots

    found: dict[str, BotConfig] = {}
    if path.exists():
        file: Any = load(path, bots_file_model())
        found = {str(key): bot for key, bot in file.bots.items()}
    for key, bot in built_in_bots().items():
        found.setdefault(key, bot)
    return found


def missing_secrets(bot: BotConfig) -> list[str]:
    """The environment variables that the bot needs and that are not set."""
    return sorted(name for name in find_secret_names(bot.model_dump()) if not os.environ.get(name))


def find_unset_variable(bot: BotConfig, id: str, file: Path) -> str | None:
    """A sentence with the place in the file where an unset variable stands; None: all are set."""
    unset = missing_secrets(bot)
    if not unset:
        return None
    loc: Loc = next(loc for name, loc in find_secret_places(bot.model_dump()) if name == unset[0])
    reason = f"needs the environment variable {unset[0]}, which is not set"
    return fault_at(file, ("bots", id, *loc), reason).message


def mask_secrets(bot: BotConfig, text: str) -> str:
    """The text without the values of the variables that the bot refers to."""
    for name in find_secret_names(bot.model_dump()):
        value = os.environ.get(name)
        text = text.replace(value, "***") if value else text
    return text


def open_secrets(bot: BotConfig) -> list[str]:
    """Where the file itself holds what looks like a secret, and should name a variable instead."""
    data = bot.model_dump()
    calls = [call for call in data.values() if isinstance(call, dict) and "headers" in call]
    headers = [
        (name, value)
        for part in (data, *calls)
        for name, value in (part.get("headers") or {}).items()
        if _SECRET_NAME.search(name)
    ]
    held = [("api_key", data.get("api_key") or ""), *headers]
    return sorted({name for name, value in held if value and not find_secret_names(value)})

"""Personas: who a simulated user is. One YAML file each; the file's name is the id."""

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.files import fault_at, load, read_data
from core.spelling import nearest
from nodes.prompts import prompt
from nodes.speakers.patterns import Pattern
from nodes.speakers.script import Script

BUILT_IN = Path(__file__).parents[2] / "personas"
DEFAULT = "learner"
Language = Literal["vi", "en"]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Rate = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Patterns = Annotated[list[Pattern], Field(max_length=20)]


class When(_Part):
    """When a fact may be told: from a turn on, or once the bot's words match a pattern."""

    turn: Annotated[int, Field(ge=1)] | None = None
    asked: Patterns = []

    @model_validator(mode="after")
    def _one(self) -> "When":
        if (self.turn is None) == (not self.asked):
            raise ValueError("give either `turn` or `asked`")
        return self


class Fact(_Part):
    """Something that this person knows. Without `when` it may be told at any time."""

    fact: Text
    when: When | Literal["pressed"] | None = None


class Behaviour(_Part):
    """What the person does at some turns: at which rate, and in which words a model is told."""

    rate: Rate
    instruction: Text


class Typing(_Part):
    """How this person types, as shares of lines."""

    no_tones: Rate = 0.0
    typos: Rate = 0.0
    no_capitals: Rate = 0.0
    chat_words: Rate = 0.0


class BotSays(_Part):
    """The bot's words match one of the patterns."""

    bot_says: Patterns


class Aim(_Part):
    """Something that this person wants to reach. Patterns of either side's words decide when it
    is; without any, the model says so when it leaves.
    """

    aim: Text
    bot_says: Patterns = []
    user_says: Patterns = []


class Persona(BaseModel):
    """A simulated user. `opening` is its first line; without one it opens as it likes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["model", "scripted"] = Field(
        "model",
        description="Who plays it: a model (where none is configured or `user: scripted` asks for "
        "it, `script` does), or always `script`.",
    )
    extends: str | None = Field(
        None,
        description="The id of another persona: what this file leaves out is as it stands there, "
        "mapping by mapping.",
    )
    name: Annotated[str, Field(min_length=1, max_length=200)]
    goal: str = ""
    character: str = ""
    language: str = ""
    level: str = ""
    mother_tongue: str = ""
    style: str = ""
    speaks: list[Language] = Field(
        [], max_length=2, description="The languages of its lines, the main one first."
    )
    mixing: str = Field("", max_length=500, description="When and how it mixes languages.")
    facts: list[Fact] = Field([], max_length=50)
    sample_lines: list[Text] = Field([], max_length=20, description="How this person types.")
    behaviours: dict[str, Rate | Behaviour] = Field(
        {}, description="What it does at which share of turns; at most one a turn."
    )
    typing: Typing = Typing()
    gives_up_after: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="Leaves once the same request has failed this often in a row."
    )
    aims: list[Aim] = Field([], max_length=20, description="What it wants to reach.")
    satisfied_when: str | BotSays = Field(
        "",
        description="When it has what it came for: in words for the model, by patterns of the "
        "bot's words, or `all aims`.",
    )
    invents: Literal["allow", "warn", "refuse"] = Field(
        "warn", description="Names and figures that stand in neither the persona nor the talk."
    )
    longest_line: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Words; without it 60 for levels A1 and A2, 120 for all others."
    )
    opening: str | None = None
    prompt: str = ""
    prompt_style: Literal["persona", "intent"] = Field(
        "persona", description="`intent` for models that were trained as users."
    )
    end_token: str = "<|endconversation|>"  # noqa: S105 - a token of text
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: int | None = None
    script: Script | None = Field(None, description="What it does where no model plays it.")

    @field_validator("behaviours")
    @classmethod
    def _rates_fit(cls, behaviours: dict[str, Any]) -> dict[str, Any]:
        known = read_instructions()
        for name, given in behaviours.items():
            if not isinstance(given, Behaviour) and name not in known:
                raise ValueError(
                    f"there is no behaviour {name!r}{_guess(name, known)} Or give it "
                    "a `rate` and an `instruction`"
                )
        if sum(rate_of(given) for given in behaviours.values()) > 1 + 1e-9:
            raise ValueError("the rates add up to more than 1; at most one is drawn a turn")
        return behaviours

    def __hash__(self) -> int:
        return hash((self.name, self.goal))

    @property
    def word_limit(self) -> int:
        """More words than this no line has."""
        return self.longest_line or (60 if self.level.startswith(("A1", "A2")) else 120)

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages of its lines, from `speaks` or else from the words of `language`."""
        if self.speaks:
            return tuple(self.speaks)
        text = self.language.casefold()
        names: dict[Language, tuple[str, ...]] = {
            "vi": ("vietnamese", "tiếng việt"),
            "en": ("english", "tiếng anh"),
        }
        places = {
            code: min(at for name in given if (at := text.find(name)) >= 0)
            for code, given in names.items()
            if any(name in text for name in given)
        }
        return tuple(sorted(places, key=lambda code: places[code]))


def rate_of(given: float | Behaviour) -> float:
    return given.rate if isinstance(given, Behaviour) else given


def read_instructions() -> dict[str, str]:
    """What a model is told for each behaviour that ships with Duologue, by its name."""
    return read_sections("behaviours")


@lru_cache(maxsize=8)
def read_sections(name: str) -> dict[str, str]:
    """The parts of a prompt file by their headings."""
    parts = prompt(name).split("## ")[1:]
    return {name.strip(): text.strip() for name, _, text in (p.partition("\n") for p in parts)}


@lru_cache(maxsize=64)
def _load(facts: bytes) -> Persona:
    return Persona.model_validate_json(facts)


def load_snapshot(card: Mapping[str, Any]) -> Persona:
    """The persona that a conversation began with; those with the same one share it."""
    return _load(orjson.dumps(card))


def read_personas(folder: Path) -> dict[str, Persona]:
    """The personas that ship with Duologue and those in `folder`, which win. Raises ConfigError."""
    built_in, own = _list_files(BUILT_IN), _list_files(folder)
    places = Places(built_in, {**built_in, **own})
    return {
        id: load(path, Persona, partial(_inherit, path, places, ()))
        for id, path in places.all.items()
    }


class Places(NamedTuple):
    """Files of personas by id; who extends its own id means the one that ships."""

    built_in: Mapping[str, Path]
    all: Mapping[str, Path]


def _list_files(folder: Path) -> dict[str, Path]:
    return (
        {path.stem: path for path in sorted(folder.glob("*.yaml"), key=attrgetter("stem"))}
        if folder.is_dir()
        else {}
    )


def _inherit(path: Path, places: Places, above: tuple[Path, ...], data: Any) -> Any:
    """The data of a file on top of that of the persona which it extends."""
    if not isinstance(data, dict) or not isinstance(data.get("extends"), str):
        return data
    own = {name: value for name, value in data.items() if name != "extends"}
    id, place = data["extends"], ("extends",)
    base = (places.built_in if path.stem == id else places.all).get(id)
    if base is None and path.stem == id:
        raise fault_at(path, place, f"{id!r} extends itself; none of that name ships")
    if base is None:
        raise fault_at(path, place, f"there is no persona {id!r}{_guess(id, places.all)}")
    if base == path or base in above:
        raise fault_at(path, place, f"{id!r} extends this persona itself")
    return _merge(_inherit(base, places, (*above, path), read_data(base)), own)


def _guess(word: str, known: Iterable[str]) -> str:
    guess = nearest(word, known)
    return f"; did you mean {guess}?" if guess else f"; there are {', '.join(sorted(known))}"


def _merge(base: Any, own: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    return {**base, **{name: _merge(base.get(name), value) for name, value in own.items()}}

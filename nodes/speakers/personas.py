"""Personas: who a simulated user is. One YAML file each; the file's name is the id."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.files import load
from nodes.prompts import prompt
from nodes.speakers.script import Script

BUILT_IN = Path(__file__).parents[2] / "personas"
DEFAULT = "learner"
Language = Literal["vi", "en"]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Rate = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """When a fact may be told: from a turn on, or once the bot's words match a pattern."""

    turn: Annotated[int, Field(ge=1)] | None = None
    asked: list[Text] = Field([], max_length=20)

    @field_validator("asked")
    @classmethod
    def _compile(cls, asked: list[str]) -> list[str]:
        for pattern in asked:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return asked

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


class Persona(BaseModel):
    """A simulated user. `opening` is its first line; without one it opens as it likes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["model", "scripted"] = Field(
        "model", description="Who plays it: the configured model, or the rules of `script`."
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
    gives_up_after: Annotated[int, Field(ge=1, le=20)] = 2
    satisfied_when: str = ""
    invents: Literal["allow", "warn", "refuse"] = Field(
        "warn", description="Names and figures that stand in neither the persona nor the talk."
    )
    longest_line: Annotated[int, Field(ge=1, le=1000, description="Words.")] = 120
    opening: str | None = None
    prompt: str = ""
    prompt_style: Literal["persona", "intent"] = Field(
        "persona", description="`intent` for models that were trained as users."
    )
    end_token: str = "<|endconversation|>"  # noqa: S105 - a token of text
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: int | None = None
    script: Script | None = Field(None, description="What a persona of kind `scripted` does.")

    @model_validator(mode="after")
    def _has_one_player(self) -> "Persona":
        if self.script is not None and self.kind != "scripted":
            raise ValueError("a persona with a script needs `kind: scripted`")
        return self

    @field_validator("behaviours")
    @classmethod
    def _rates_fit(cls, behaviours: dict[str, Any]) -> dict[str, Any]:
        known = read_instructions()
        for name, given in behaviours.items():
            if not isinstance(given, Behaviour) and name not in known:
                names = ", ".join(sorted(known))
                raise ValueError(
                    f"{name!r} is not a known behaviour; known are {names}; or give `rate` and "
                    "`instruction`"
                )
        if sum(rate_of(given) for given in behaviours.values()) > 1 + 1e-9:
            raise ValueError("the rates add up to more than 1; at most one is drawn a turn")
        return behaviours

    def __hash__(self) -> int:
        return hash((self.name, self.goal))

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


@lru_cache(maxsize=1)
def read_instructions() -> dict[str, str]:
    """What a model is told for each behaviour that ships with Duologue, by its name."""
    parts = prompt("behaviours").split("## ")[1:]
    return {name.strip(): text.strip() for name, _, text in (p.partition("\n") for p in parts)}


@lru_cache(maxsize=64)
def _load(facts: bytes) -> Persona:
    return Persona.model_validate_json(facts)


def load_snapshot(card: Mapping[str, Any]) -> Persona:
    """The persona that a conversation began with; those with the same one share it."""
    return _load(orjson.dumps(card))


def read_personas(folder: Path) -> dict[str, Persona]:
    """The personas that ship with Duologue and those in `folder`, which win. Raises ConfigError."""
    found = {}
    for place in (BUILT_IN, folder):
        for path in sorted(place.glob("*.yaml")) if place.is_dir() else []:
            found[path.stem] = load(path, Persona)
    return found

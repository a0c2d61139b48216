"""Personas: who a simulated user is. One YAML file each; the file's name is the id."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.files import load
from nodes.prompts import prompt

BUILT_IN = Path(__file__).parents[2] / "personas"
DEFAULT = "learner"


class Persona(BaseModel):
    """A simulated user. `opening` is its first line; without one it opens as it likes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    goal: str = ""
    character: str = ""
    language: str = ""
    level: str = ""
    mother_tongue: str = ""
    style: str = ""
    opening: str | None = None
    prompt: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None


@lru_cache(maxsize=64)
def _cached_persona(facts: tuple[tuple[str, Any], ...]) -> Persona:
    return Persona(**dict(facts))


def load_snapshot(snapshot: Mapping[str, Any]) -> Persona:
    """The persona that was written down; conversations with the same one share it."""
    return _cached_persona(tuple(snapshot.items()))


def read_personas(folder: Path) -> dict[str, Persona]:
    """The personas that ship with Duologue and those in `folder`, which win. Raises ConfigError."""
    found = {}
    for place in (BUILT_IN, folder):
        for path in sorted(place.glob("*.yaml")) if place.is_dir() else []:
            found[path.stem] = load(path, Persona)
    return found


@lru_cache(maxsize=64)
def system_prompt(persona: Persona, user_prompt: str | None) -> str:
    """What tells a model to be this person, and what the caller asked of them."""
    traits = persona.model_dump(exclude={"opening", "prompt", "temperature"})
    lines = [f"- {name.replace('_', ' ')}: {value}" for name, value in traits.items() if value]
    described = "\n".join(part for part in ("\n".join(lines), persona.prompt) if part)
    filled = {
        "persona": described.strip(),
        "task": (user_prompt or "").strip() or "Nothing in particular: follow your goal.",
    }
    # In one go: what a persona or a caller wrote is never taken for a place to fill in.
    return re.sub(r"\{\{(persona|task)\}\}", lambda place: filled[place[1]], prompt("user"))

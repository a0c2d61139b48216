"""`scenarios/*.yaml`: a scenario as the engine plays it, and what is checked and judged of it."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from core.files import load
from core.lines import SIMULATE_REST
from core.scenario import Scenario
from evaluation.checks.any import AnyCheck, name_checks
from evaluation.criteria import Criterion
from evaluation.suite_info import AutoRepeats

PersonaId = Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w.-]+$")]
ScenarioId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w.-]+$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class AutoRepeatsFile(AutoRepeats):
    """`{auto: true, good: 0.9, bad: 0.6, max: 30}`: as many repeats as it takes to decide."""

    auto: Literal[True]

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if not self.bad < self.good:
            raise ValueError("bad must be below good")
        return self


Repeats = Annotated[int, Field(ge=1, le=10_000)] | AutoRepeatsFile


class ScenarioFile(Scenario):
    """A scenario as people write it; all that `Scenario` knows besides.

    `persona` may be a list: the scenario is then played by each.
    """

    id: ScenarioId | None = Field(None, description="Else the file's name.")
    name: str = Field("", max_length=200)
    persona: PersonaId | list[PersonaId] | None = Field(  # type: ignore[assignment]
        None, description="Who the simulated user is, an id from personas/, or several of them."
    )  # wider than the engine's, which plays one at a time
    checks: list[AnyCheck] = Field([], max_length=200)
    criteria: list[Criterion] = Field([], max_length=200)
    tags: list[Tag] = Field([], max_length=100)
    repeats: Repeats | None = Field(None, description="Instead of the suite's.")

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = self.question_ids
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice is not None:
            raise ValueError(f"two checks or criteria are named {twice}")
        return self

    @model_validator(mode="after")
    def _rest_is_last(self) -> Self:
        if SIMULATE_REST in self.lines[:-1]:
            raise ValueError("lines: nothing is said after {simulate: rest}; make it the last")
        return self

    @property
    def personas(self) -> list[str]:
        """The personas it names itself."""
        named = [self.persona] if isinstance(self.persona, str) else self.persona
        return list(dict.fromkeys(named or []))

    @property
    def check_ids(self) -> list[str]:
        return name_checks(self.checks, [criterion.id for criterion in self.criteria])

    @property
    def question_ids(self) -> list[str]:
        """Of its checks, then of its criteria."""
        return [*self.check_ids, *(criterion.id for criterion in self.criteria)]

    @property
    def required_ids(self) -> list[str]:
        """Those of which the outcome of a trial depends."""
        checks = zip(self.check_ids, self.checks, strict=True)
        required = [id for id, check in checks if check.must]
        return required + [criterion.id for criterion in self.criteria if criterion.must]

    def play(self, *, persona: str | None, bot_id: str | int) -> Scenario:
        """What the engine plays: this with one persona and one bot."""
        played = self.model_dump(exclude_unset=True, include=set(Scenario.model_fields))
        chosen: dict[str, Any] = {**played, "persona": persona, "bot_id": bot_id}
        return Scenario.model_validate(chosen)


def load_scenario(path: Path) -> ScenarioFile:
    """The scenario in a file, named after it. Raises `ConfigError` with file, line and key."""
    found = load(path, ScenarioFile)
    id = found.id or re.sub(r"[^\w.-]+", "-", path.stem)
    return found.model_copy(update={"id": id, "name": found.name or path.stem})

"""`suites/*.yaml`: scenarios × personas × bots × repeats, with a budget, a judge and a gate."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from core.scenario import BotId
from evaluation.scenarios import PersonaId, Repeats, ScenarioFile, ScenarioId
from evaluation.simulated_users import Part, SecondOpinionRule
from evaluation.suite_info import BaselineInfo, GateRule
from evaluation.verdicts import Record

MAX_TRIALS = 100_000
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Exclusion(Record):
    """Leaves out the cells to which all that is named here applies."""

    scenario: ScenarioId | None = None
    persona: PersonaId | None = None
    bot: BotId | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.scenario is None and self.persona is None and self.bot is None:
            raise ValueError("would leave out everything; name a scenario, a persona or a bot")
        return self


class Budget(Record):
    """Where an experiment pauses, to be resumed: US dollars, and minutes of running."""

    cost_usd: Annotated[float, Field(gt=0)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None


class JudgeRequest(Record):
    """Who judges. `votes` is an odd panel; a list of models is a panel of one vote each.

    `when: checks_passed` spares the judge the trials that failed a required check. Below
    `min_kappa` agreement with people's labels, a criterion of the gate leaves it undecided.
    """

    model: ModelName | Annotated[list[ModelName], Field(min_length=1, max_length=15)] | None = (
        Field(None, description="Else the configured model, DUOLOGUE_MODEL.")
    )
    votes: Annotated[int, Field(ge=1, le=15)] | None = None
    when: Literal["always", "checks_passed"] = "always"
    min_kappa: Annotated[float, Field(ge=-1, le=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=100, le=100_000)] = 4000
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0

    @model_validator(mode="after")
    def _odd_panel(self) -> Self:
        if isinstance(self.model, list) and self.votes not in (None, len(self.model)):
            raise ValueError(f"votes is {self.votes}, but {len(self.model)} models are named")
        if self.count_votes() % 2 == 0:
            raise ValueError("votes must be odd, so that a panel can decide")
        return self

    def count_votes(self) -> int:
        return len(self.model) if isinstance(self.model, list) else self.votes or 1

    def panel(self, default: str) -> list[str]:
        """The model of each vote."""
        if isinstance(self.model, list):
            return list(self.model)
        return [self.model or default] * self.count_votes()


def _url(value: str) -> str:
    if not re.match(r"^(https?://[^/\s]+|\$\{\w+\})", value):
        raise ValueError("must begin with http:// or https://")
    return value


class JudgeConfig(JudgeRequest):
    """Who judges, and at which OpenAI-compatible endpoint."""

    base_url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="Else OPENAI_BASE_URL, else OpenAI."
    )
    api_key: Annotated[str, StringConstraints(pattern=r"^\$\{\w+\}$")] | None = Field(
        None, description="As ${ENV_NAME}; else OPENAI_API_KEY."
    )


class SuiteBase(Record):
    """What a suite says whether it comes from a file or over HTTP."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    personas: list[PersonaId] = Field([], description="For scenarios that name none.")
    bots: list[BotId] = Field([], description="Win over a scenario's bot_id.")
    exclude: list[Exclusion] = []
    repeats: Repeats = 1
    concurrency: Annotated[int, Field(ge=1, le=2000)] = Field(
        20, description="Conversations at once, in all."
    )
    budget: Budget | None = None
    gate: GateRule | None = None
    baseline: BaselineInfo | None = None
    second_opinion: Part | SecondOpinionRule | None = Field(
        None, description="The share of trials that is replayed with another user model."
    )


class SuiteFile(SuiteBase):
    """A file of suites/. Scenarios are files, globs from the project folder, or stand in place."""

    scenarios: Annotated[list[str | ScenarioFile], Field(min_length=1)]
    judge: JudgeConfig | None = None


class SuiteBody(SuiteBase):
    """A suite that comes over HTTP: scenarios by id, no paths, no code, no endpoints."""

    scenarios: Annotated[list[ScenarioId], Field(min_length=1, max_length=1000)]
    judge: JudgeRequest | None = None

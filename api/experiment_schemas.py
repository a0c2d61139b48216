"""What the routes of experiments take and give."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from api.schemas import ResponseModel
from api.state import OptionalClient
from core.scenario import Strict
from evaluation.calibration import Calibration, Task
from evaluation.results import ExperimentInfo, TrialRecord
from evaluation.suites import SuiteBody
from evaluation.verdicts import Label

Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
SuiteName = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=r"^[\w-][\w.-]*$")
]


def _tag(value: Any) -> str:
    """Which of both is meant, so that only its mistakes are told."""
    return "suite in place" if isinstance(value, dict | SuiteBody) else "suite by name"


Suite = Annotated[
    Annotated[SuiteName, Tag("suite by name")] | Annotated[SuiteBody, Tag("suite in place")],
    Discriminator(_tag),
]


class ExperimentRequest(Strict):
    """A suite of the server's by name, or one in place."""

    suite: Suite
    name: Name | None = Field(None, description="To be compared with later.")
    client_id: OptionalClient = None
    start: bool = Field(True, strict=True, description="false: it is stored, and `resume` runs it.")


class ResumeExperiment(Strict):
    """A new budget, where the old one is spent."""

    max_cost_usd: Annotated[float, Field(gt=0, le=1e6)] | None = None
    minutes: Annotated[float, Field(gt=0, le=1e6)] | None = None


class RetryRequest(Strict):
    outcome: Literal["broken", "failed", "unjudged"] = "broken"


class ExtendRequest(Strict):
    repeats: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1


class LabelRequest(Strict):
    """A person's verdict."""

    labeller: Name
    status: Literal["pass", "fail", "inconclusive"]
    note: Annotated[str, StringConstraints(strict=True, max_length=10_000)] = ""
    client_id: Annotated[str, StringConstraints(strict=True, max_length=200)] | None = None


class ExperimentSummary(ExperimentInfo):
    """How an experiment stands."""

    suite: str
    total: int
    counts: dict[str, int] = Field(
        {}, description="Trials by outcome; those without one are `running` or `pending`."
    )


class ExperimentPage(ResponseModel):
    experiments: list[ExperimentSummary]
    next: str | None = Field(description="The cursor of the next page.")


class TrialPage(ResponseModel):
    trials: list[TrialRecord]
    next: str | None = Field(description="The cursor of the next page.")


class SuiteSummary(ResponseModel):
    """A suite file; `error` says why it cannot be run."""

    suite: str
    name: str | None = None
    trials: int | None = None
    scenarios: list[str] = Field(default_factory=list)
    bots: list[str] = Field(default_factory=list)
    error: str | None = None


class SuiteList(ResponseModel):
    suites: list[SuiteSummary]


class LabelList(ResponseModel):
    labels: list[Label]


class Agreement(ResponseModel):
    """One entry a criterion or check that has labels; none where nobody labelled."""

    criteria: list[Calibration]


class LabelQueue(ResponseModel):
    """`trial` is the conversation that `PUT /api/conversations/{id}/labels/{criterion}` takes."""

    tasks: list[Task]


class SetupBot(ResponseModel):
    """The bot as it is configured now."""

    bot_id: str | int
    name: str | None = None
    kind: str | None = None
    version: str | None = None
    address: str | None = Field(
        None, description="Without its query; for an administrator, where the kind has one."
    )


class TrialPlace(ResponseModel):
    """The experiment that a conversation is a trial of."""

    id: str
    name: str | None
    suite: str
    repeat: int


class ConversationSetup(ResponseModel):
    """What a conversation was started with."""

    scenario: dict[str, Any]
    bot: SetupBot
    user_model: str | None
    experiment: TrialPlace | None

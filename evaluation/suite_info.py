"""The suite of an experiment as its document tells it: what was asked, of whom, by which rule."""

from typing import Annotated, Literal

from pydantic import Field

from evaluation.verdicts import Kind, Record

Share = Annotated[float, Field(ge=0, le=1)]


class AutoRepeats(Record):
    """The sequential test of a cell: `good` is to be accepted, `bad` to be rejected."""

    good: Share = 0.9
    bad: Share = 0.6
    max: Annotated[int, Field(ge=1)] = 30


class QuestionInfo(Record):
    """A check or a criterion; `text` is what it asks for, as the file says it."""

    id: str
    kind: Kind
    text: str
    must: bool = True


class ScenarioInfo(Record):
    """`repeats` is a number, or the plan of the sequential test."""

    id: str
    name: str
    tags: list[str] = []
    questions: list[QuestionInfo] = []
    repeats: Annotated[int, Field(ge=1)] | AutoRepeats = 1


class PersonaInfo(Record):
    id: str
    name: str
    aims: list[str] = []


class SimulatorInfo(Record):
    """Who plays the user with a persona: a model, or a script without one."""

    persona: str
    kind: Literal["model", "scripted"]
    model: str | None = None


class BotInfo(Record):
    """`version` is what bots.yaml says, or what the bot told at its first call."""

    id: str
    name: str
    version: str | None = None
    kind: str | None = None


class JudgeInfo(Record):
    """`canary` says whether the judge failed the transcripts that it had to fail."""

    models: list[str]
    votes: Annotated[int, Field(ge=1)] = 1
    prompt_hash: str | None = None
    canary: Literal["passed", "failed"] | None = None
    kappa: float | None = None
    min_kappa: float | None = None


class GateRule(Record):
    """What the suite asks for. `undecided` turns that answer into a failure or a success."""

    pass_rate: Share | None = None
    tolerance: Share = 0.1
    criteria: dict[str, Share] = {}
    broken_at_most: Share = 0.0
    undecided: Literal["fail", "pass"] | None = None


class BaselineInfo(Record):
    experiment: str
    margin: Share = 0.05


class SuiteInfo(Record):
    name: str
    file: str | None = None
    hash: str | None = None
    scenarios: list[ScenarioInfo]
    personas: list[PersonaInfo] = []
    simulators: list[SimulatorInfo] = []
    bots: list[BotInfo]
    gate: GateRule | None = None
    baseline: BaselineInfo | None = None
    judge: JudgeInfo | None = None
    budget_usd: float | None = None
    budget_minutes: float | None = None

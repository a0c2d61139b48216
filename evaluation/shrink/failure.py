"""What a conversation failed: a check or criterion of its trial, or an error that ended it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from core.errors import Conflict, Invalid
from core.message import Message
from core.scenario import HistoryLine, Scenario
from core.spelling import nearest
from evaluation.cells import ResolvedSuite
from evaluation.checks.base import Check
from evaluation.checks.figures import Ended, Turns
from evaluation.checks.python import PythonRunner
from evaluation.experiments.assess import Assessor, FinishedConversation, find_models, make_judge
from evaluation.experiments.plan import read_suite
from evaluation.experiments.trial_records import read_verdict
from evaluation.prices import read_prices
from evaluation.scenarios import ScenarioFile
from evaluation.shrink.search import Lines
from graph.runs.service import RunService
from graph.storage.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Failure:
    """What is looked for in each replay: a check or criterion that fails, or the code of an error.

    `scenario` is what the replays are played with, but for their lines; `question` is the check or
    criterion as its file has it.
    """

    conversation: Conversation
    messages: list[Message]
    scenario: Scenario
    check: str | None
    error: str | None
    question: ScenarioFile | None = None
    suite: ResolvedSuite | None = None
    bot: str = ""

    @property
    def lines(self) -> Lines:
        """What the user said in this conversation."""
        return tuple(line["content"] for line in self.messages if _is_said(line))

    @property
    def name(self) -> str:
        return self.check or f"the error {self.error}"


def _is_said(line: Message) -> bool:
    return line["role"] == "user" and line["origin"] != "given"


async def find_failure(
    runs: RunService, id: str, check: str | None = None, client_id: str | None = None
) -> Failure:
    """What the conversation failed; of several checks the first, unless `check` names one.

    Raises `NotFound`, and `Conflict` where it failed nothing or still runs, `Invalid` for a check
    that did not fail or depends on how many lines there are.
    """
    row = await runs.get(id, client_id)
    messages = await runs.messages(id)
    if not row.status.ended and not row.error:
        raise Conflict(f"the conversation is {row.status.value}: it has not ended")
    if not any(map(_is_said, messages)):
        raise Conflict("the user said nothing in this conversation")
    scenario = _strip(row, messages)
    if row.error and check is None:
        return Failure(row, messages, scenario, None, str(row.error.get("code")))
    found = await runs.storage.trials.find_by_conversation(id)
    if found is None:
        raise Conflict("it is no trial of a suite and ended without an error: it failed nothing")
    experiment, trial = found
    suite = read_suite((await runs.storage.experiments.get(experiment)).plan)
    rows = (await runs.storage.trials.verdicts(experiment, trial.number)).get(trial.number, [])
    verdicts = [read_verdict(one) for one in rows]
    failed = [one.id for one in verdicts if one.status == "fail"]
    required = [one.id for one in verdicts if one.status == "fail" and one.must]
    chosen = _choose(check, [*required, *failed], [one.id for one in verdicts])
    question = _narrow(suite.scenarios[trial.scenario], chosen)
    narrowed = suite.model_copy(update={"scenarios": {trial.scenario: question}})
    return Failure(row, messages, scenario, chosen, None, question, narrowed, trial.bot)


def _choose(wanted: str | None, failed: list[str], known: list[str]) -> str:
    if not failed:
        raise Conflict("the trial failed no check and no criterion")
    if wanted is None:
        return failed[0]
    if wanted in failed:
        return wanted
    guess = nearest(wanted, failed)
    hint = f"did you mean {guess}?" if guess else f"it failed {', '.join(dict.fromkeys(failed))}"
    what = "did not fail here" if wanted in known else "is no check of this trial"
    raise Invalid(f"{wanted} {what}; {hint}", "check")


def _narrow(scenario: ScenarioFile, id: str) -> ScenarioFile:
    """The scenario with this check or criterion alone, which is required."""
    named = zip(scenario.check_ids, scenario.checks, strict=True)
    checks: list[Check] = [one for name, one in named if name == id]
    if any(isinstance(one, Ended | Turns) for one in checks):
        raise Invalid(
            f"{id} looks at how long a conversation is or how it ends, which lines left out "
            "change by themselves: it cannot be shrunk",
            "check",
        )
    criteria = [one for one in scenario.criteria if one.id == id]
    return scenario.model_copy(
        update={
            "checks": [one.model_copy(update={"id": id, "must": True}) for one in checks],
            "criteria": [one.model_copy(update={"must": True}) for one in criteria],
        }
    )


def _strip(row: Conversation, messages: list[Message]) -> Scenario:
    """The conversation's scenario without what spoke for its user and what ended it."""
    given = [
        HistoryLine(role=line["role"], content=line["content"])
        for line in messages
        if line["origin"] == "given"
    ]
    scenario = Scenario.read(row.scenario)
    kept: dict[str, Any] = {
        name: getattr(scenario, name) for name in ("bot_id", "bot_prompt", "first_speaker", "pace")
    }
    seed = row.id if scenario.seed is None else scenario.seed
    return Scenario(**kept, seed=seed, user="scripted", history=given)


class Examiner:
    """Says whether a replay fails as the conversation did."""

    def __init__(self, runs: RunService, failure: Failure, root: Path = Path()) -> None:
        self._runs, self._failure = runs, failure
        self._assessor: Assessor | None = None
        suite = failure.suite
        if suite is not None and failure.question is not None:
            prices = read_prices(root / "prices.yaml")
            asks = bool(failure.question.criteria)
            judges = make_judge(suite, runs.settings, prices) if asks else None
            models = find_models(suite, runs.settings)
            self._assessor = Assessor(suite, prices, models, PythonRunner(root), judges)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._assessor is not None:
            await self._assessor.close()

    async def fails(self, row: Conversation) -> bool:
        """Raises `BrokenReplay` where nothing can be said of it."""
        failure = self._failure
        if row.error:
            code = str(row.error.get("code"))
            if failure.error == code:
                return True
            raise BrokenReplay(f"a replay broke: {code}: {row.error.get('error', '')}")
        if self._assessor is None or failure.question is None:
            return False
        messages = await self._runs.messages(row.id)
        session = (await self._runs.views.read_state(row.id)).get("session") or {}
        said = FinishedConversation(messages, session, row.end_reason)
        found = await self._assessor.assess(failure.question.id or "", failure.bot, said)
        (verdict,) = found.verdicts
        if verdict.status == "error":
            raise BrokenReplay(f"{verdict.id} could not be decided: {verdict.reason}")
        return verdict.status == "fail"


class BrokenReplay(Conflict):
    """A replay says nothing about the failure."""

"""From a conversation that ended to verdicts and an outcome."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.message import Message, Usage
from core.settings import Settings
from evaluation.cells import ResolvedSuite
from evaluation.checks.any import run_checks
from evaluation.checks.python import PythonRunner
from evaluation.criteria import Criterion
from evaluation.prices import Prices, add_spendings
from evaluation.results import Party
from evaluation.scenarios import ScenarioFile
from evaluation.suites import JudgeConfig
from evaluation.transcripts import Transcript
from evaluation.verdicts import Outcome, Spending, Verdict, decide_outcome


class Judges(Protocol):
    """Who answers the criteria of a suite."""

    async def judge_all(
        self, criteria: Sequence[Criterion], transcript: Transcript
    ) -> list[Verdict]:
        """A verdict for each criterion. Fails closed: raises nothing for what a judge does."""

    async def check_canary(self) -> Any:
        """Whether it fails what it must fail: `passed`, and the `reason` where it does not."""

    async def aclose(self) -> None:
        """Gives the connections back."""


JudgeFactory = Callable[[ResolvedSuite, Settings, Prices], Judges | None]
"""Makes the judge of a suite; None where none is configured."""


def make_judge(suite: ResolvedSuite, settings: Settings, prices: Prices) -> Judges | None:
    """The judge that the suite asks for. Without a model each of its verdicts is an `error`."""
    from evaluation.judge.judge import Judge  # takes a second to import

    return Judge.from_config(suite.suite.judge or JudgeConfig(), settings, prices, suite.judges)


@dataclass(frozen=True, slots=True)
class FinishedConversation:
    """What is looked at of a conversation that ended."""

    messages: Sequence[Message]
    session: Mapping[str, Any] = field(default_factory=dict)
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """What checks and judge found, and what the bot and the simulated user took and cost."""

    outcome: Outcome
    verdicts: list[Verdict]
    latencies: list[float]
    spending: dict[Party, Spending]


class Assessor:
    """Checks first, then the judge, by what the suite says."""

    def __init__(
        self,
        suite: ResolvedSuite,
        prices: Prices,
        models: Mapping[Party, Mapping[str, str]],
        python: PythonRunner,
        judges: Judges | None,
    ) -> None:
        """`models` names the model of the simulated user ("") and of each bot, where one is."""
        self._suite, self._prices, self._models = suite, prices, models
        self._python, self._judges = python, judges
        when = suite.suite.judge.when if suite.suite.judge else "always"
        self._only_passed = when == "checks_passed"

    async def close(self) -> None:
        """Ends what checks and judge needed."""
        await self._python.__aexit__(None, None, None)
        if self._judges is not None:
            await self._judges.aclose()

    async def try_judge(self) -> str | None:
        """Whether the judge fails what it must fail: `passed` or `failed`; None without a judge."""
        if self._judges is None:
            return None
        return "passed" if (await self._judges.check_canary()).passed else "failed"

    async def assess(self, scenario_id: str, bot: str, said: FinishedConversation) -> Assessment:
        """The verdicts on a conversation that ended, and what follows from them."""
        scenario = self._suite.scenarios[scenario_id]
        transcript = Transcript(said.messages, said.session, said.end_reason)
        verdicts = await run_checks(scenario.checks, transcript, self._python)
        failed = any(one.must and one.status == "fail" for one in verdicts)
        if scenario.criteria and not (failed and self._only_passed):
            verdicts += await self._ask_judges(scenario, transcript)
        return Assessment(
            outcome=decide_outcome(verdicts, scenario.required_ids),
            verdicts=verdicts,
            latencies=find_latencies(transcript),
            spending=self._sum_spending(bot, said.messages, verdicts),
        )

    async def _ask_judges(self, scenario: ScenarioFile, transcript: Transcript) -> list[Verdict]:
        if self._judges is not None:
            return await self._judges.judge_all(scenario.criteria, transcript)
        reason = "no model is configured to judge with"
        return [
            Verdict(id=one.id, kind="criterion", status="error", reason=reason, must=one.must)
            for one in scenario.criteria
        ]

    def _sum_spending(
        self, bot: str, messages: Sequence[Message], verdicts: Sequence[Verdict]
    ) -> dict[Party, Spending]:
        by_party: dict[Party, list[Spending]] = {"simulator": [], "bot": [], "judge": []}
        by_party["judge"] = [one.spending for one in verdicts if one.spending]
        for line in messages:
            party: Party = "bot" if line["role"] == "assistant" else "simulator"
            usual = self._models[party].get(bot if party == "bot" else "", "")
            model = line.get("model") or usual if party == "simulator" else usual
            for usage in _usages(line):
                by_party[party].append(self._prices.spend_usage(model, usage))
        return {party: add_spendings(parts) for party, parts in by_party.items() if parts}


def _usages(line: Message) -> Iterator[Usage]:
    """What a line took, and the tries of it that were refused; given ones took nothing here."""
    if line["origin"] == "given":
        return
    if usage := line.get("usage"):
        yield usage
    for refused in line.get("discarded", ()):
        if usage := refused.get("usage"):
            yield usage


def find_latencies(transcript: Transcript) -> list[float]:
    """Of the bot's replies in milliseconds, a turn each; a greeting is no reply."""
    return [
        float(one.latency_ms)
        for one in transcript.utterances
        if one.role == "assistant" and one.turn and one.latency_ms is not None
    ]


def find_models(suite: ResolvedSuite, settings: Settings) -> dict[Party, dict[str, str]]:
    """The model of the simulated user ("") and of each bot that is a model."""
    played = {
        id: bot.get("model") or settings.model
        for id, bot in suite.bots.items()
        if bot.get("kind") in ("openai", "prompt")
    }
    return {"simulator": {"": settings.user_model or settings.model}, "bot": played}

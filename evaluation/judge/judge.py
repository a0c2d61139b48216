"""The judge: a panel of models, asked one criterion at a time, that fails closed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from types import TracebackType
from typing import Self

from core.settings import Settings
from evaluation.criteria import Criterion
from evaluation.judge.canary import CASES, CanaryResult
from evaluation.judge.endpoint import Answer, Endpoint, JudgeError, Prompt
from evaluation.judge.prompts import AGAIN, PROMPT_HASH, build_prompt
from evaluation.judge.rulings import (
    InvalidRuling,
    Ruling,
    ScoreRuling,
    decide_status,
    read_ruling,
    schema_of,
    verify_quotes,
)
from evaluation.prices import Prices, add_spendings
from evaluation.suites import JudgeConfig
from evaluation.transcripts import Transcript
from evaluation.verdicts import Evidence, Spending, Status, Verdict, Vote

CALLS_AT_ONCE = 8


class Judge:
    """Answers criteria about stored transcripts.

    `panel` is the model of each vote. Before the first verdict the canary is asked once: a judge
    that passes what it must fail gives no verdict at all. `async with` closes its connections at
    the end. `endpoint` is None where no model is
    configured; then each verdict is an `error` that says so.
    """

    def __init__(
        self,
        panel: Sequence[str],
        endpoint: Endpoint | None,
        prices: Prices,
        *,
        calls_at_once: int = CALLS_AT_ONCE,
        cause: str = "",
    ) -> None:
        self.panel = list(panel)
        self.prompt_hash = PROMPT_HASH
        self.canary: CanaryResult | None = None
        self._endpoint = endpoint
        self._prices = prices
        self._cause = cause
        self._places = asyncio.Semaphore(calls_at_once)
        self._canary_lock = asyncio.Lock()

    @classmethod
    def from_config(
        cls, config: JudgeConfig, settings: Settings, prices: Prices, panel: Sequence[str] = ()
    ) -> "Judge":
        """The judge of a suite; `panel` where the suite was resolved with other defaults."""
        models = list(panel) or config.panel(settings.model)
        try:
            return cls(models, Endpoint.from_config(config, settings), prices)
        except JudgeError as error:
            return cls(models, None, prices, cause=error.message)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Gives the connections back; the judge may be asked again."""
        if self._endpoint is not None:
            await self._endpoint.aclose()

    async def judge_all(
        self, criteria: Sequence[Criterion], transcript: Transcript
    ) -> list[Verdict]:
        """A verdict per criterion, in their order. Never raises for what a judge does."""
        if not criteria:
            return []
        canary = await self.check_canary()
        if not canary.passed:
            return [self._no_verdict(one, canary.reason) for one in criteria]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.judge(one, transcript)) for one in criteria]
        return [task.result() for task in tasks]

    async def check_canary(self) -> CanaryResult:
        """Whether each model of the panel fails what it must fail; asked once per judge."""
        async with self._canary_lock:
            if self.canary is None:
                self.canary = await self._ask_canary()
        return self.canary

    async def judge(self, criterion: Criterion, transcript: Transcript) -> Verdict:
        """The panel's verdict on one criterion, without asking the canary."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._vote(model, criterion, transcript)) for model in self.panel
            ]
        return self._sum_up(criterion, [task.result() for task in tasks])

    # --- one vote -----------------------------------------------------------------------------

    async def _vote(self, model: str, criterion: Criterion, transcript: Transcript) -> Vote:
        began, bill = monotonic(), _Bill(self._prices, model)
        try:
            async with self._places:
                vote = await self._rule(model, criterion, transcript, bill)
        except (JudgeError, InvalidRuling) as error:
            reason = error.message if isinstance(error, JudgeError) else f"its answer: {error}"
            vote = Vote(model=model, status="error", reason=reason)
        facts = {"asked": bill.calls, "spending": bill.total, "seconds": monotonic() - began}
        return vote.model_copy(update=facts)

    async def _rule(
        self, model: str, criterion: Criterion, transcript: Transcript, bill: "_Bill"
    ) -> Vote:
        """One ruling. Quotes that are not found are asked for once more. Raises `InvalidRuling`."""
        schema = schema_of(criterion)
        prompt: Prompt = build_prompt(criterion, transcript.messages)
        answer = await self._ask(model, prompt, schema, bill)
        ruling = read_ruling(answer.text, criterion)
        try:
            evidence = verify_quotes(ruling, criterion, transcript.messages)
        except InvalidRuling as why:
            prompt = [*prompt, *_ask_again(answer, why)]
            ruling = read_ruling((await self._ask(model, prompt, schema, bill)).text, criterion)
            evidence = verify_quotes(ruling, criterion, transcript.messages)
        return Vote(
            model=model,
            status=decide_status(ruling, criterion),
            reason=ruling.reasoning,
            evidence=evidence,
            score=_score(ruling),
        )

    async def _ask(
        self, model: str, prompt: Prompt, schema: dict[str, object], bill: "_Bill"
    ) -> Answer:
        if self._endpoint is None:
            raise JudgeError("unreachable", self._cause, retryable=False)
        bill.calls += 1
        answer = await self._endpoint.ask(model, prompt, schema)
        bill.add(answer)
        return answer

    # --- the panel ----------------------------------------------------------------------------

    def _sum_up(self, criterion: Criterion, votes: list[Vote]) -> Verdict:
        status = _majority(votes)
        of_it = [vote for vote in votes if vote.status == status] or votes
        scores = [vote.score for vote in of_it if vote.score is not None]
        return Verdict(
            id=criterion.id,
            kind="criterion",
            status=status,
            reason=_reason(status, of_it, votes),
            evidence=_evidence(of_it),
            must=criterion.must,
            score=median(scores) if scores else None,
            models=list(dict.fromkeys(self.panel)),
            prompt_hash=self.prompt_hash,
            votes=votes,
            spending=add_spendings(vote.spending for vote in votes),
        )

    def _no_verdict(self, criterion: Criterion, reason: str) -> Verdict:
        return Verdict(
            id=criterion.id,
            kind="criterion",
            status="error",
            reason=reason,
            must=criterion.must,
            models=list(dict.fromkeys(self.panel)),
            prompt_hash=self.prompt_hash,
        )

    # --- the canary ---------------------------------------------------------------------------

    async def _ask_canary(self) -> CanaryResult:
        asked = [(model, case) for model in dict.fromkeys(self.panel) for case in CASES]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._vote(model, case.criterion, case.transcript))
                for model, case in asked
            ]
        votes = [task.result() for task in tasks]
        reasons = [
            case.complain(model, vote)
            for (model, case), vote in zip(asked, votes, strict=True)
            if vote.status != "fail"
        ]
        return CanaryResult(
            passed=not reasons,
            reason=reasons[0] if reasons else "",
            spending=add_spendings(vote.spending for vote in votes),
        )


@dataclass
class _Bill:
    """The calls of one vote and what they cost."""

    prices: Prices
    model: str
    calls: int = 0
    total: Spending = field(default_factory=lambda: Spending(cost_usd=0.0))

    def add(self, answer: Answer) -> None:
        counted = (answer.input_tokens, answer.output_tokens, answer.cached_tokens)
        self.total = add_spendings([self.total, self.prices.spend(self.model, *counted)])


def _ask_again(answer: Answer, why: InvalidRuling) -> Prompt:
    return [
        {"role": "assistant", "content": answer.text},
        {"role": "user", "content": AGAIN.format(why=why)},
    ]


def _majority(votes: Sequence[Vote]) -> Status:
    """The status of more than half of the panel, else `inconclusive`."""
    half = len(votes) / 2
    statuses: list[Status] = [vote.status for vote in votes]
    return next((one for one in statuses if statuses.count(one) > half), "inconclusive")


def _reason(status: Status, of_it: Sequence[Vote], votes: Sequence[Vote]) -> str:
    if all(vote.status == status for vote in votes):
        return votes[0].reason
    counts = ", ".join(f"{vote.model}: {vote.status}" for vote in votes)
    if of_it[0].status != status:
        return f"no majority ({counts})"
    return f"{len(of_it)} of {len(votes)} votes ({counts}). {of_it[0].reason}"


def _evidence(votes: Sequence[Vote]) -> list[Evidence]:
    """The quotes of all votes, each once."""
    found = {(one.message, one.quote): one for vote in votes for one in vote.evidence}
    return list(found.values())


def _score(ruling: Ruling) -> float | None:
    return ruling.score if isinstance(ruling, ScoreRuling) else None

"""One trial: an ordinary conversation, driven to its end and assessed."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from uuid import uuid4

from core.ends import EndReason, Status
from core.errors import Busy, Conflict, DuologueError, Stopping, StorageError
from core.failures import or_else
from core.message import now
from evaluation.cells import ResolvedSuite
from evaluation.checks.figures import Session
from evaluation.checks.python import Python
from evaluation.experiments.assess import Assessment, Assessor, FinishedConversation
from evaluation.results import Breakage
from evaluation.verdicts import Cause, Verdict
from graph.runs.service import RunService
from graph.storage.conversation import Conversation as ConversationRow
from graph.storage.experiment_rows import ExperimentRow, TrialRow, VerdictRow

log = logging.getLogger("duologue.experiments")
POLL_S = 0.5
STOPPED = "its conversation was stopped"
_SIMULATOR = frozenset(("user_truncated", "user_refused", "user_empty"))


class Unfinished(Exception):
    """The trial has not ended, since this process stops; it goes on later."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What is stored of a trial that ended. `skipped` says why it counts for nothing."""

    row: ConversationRow | None
    assessment: Assessment | None = None
    broken: Breakage | None = None
    skipped: str | None = None
    verdicts: Sequence[VerdictRow] = ()

    @property
    def outcome(self) -> str:
        if self.skipped is not None:
            return "skipped"
        return self.assessment.outcome if self.assessment else "broken"

    def columns(self, seconds: float) -> dict[str, Any]:
        """The trial's columns."""
        found = self.assessment
        spending = found.spending if found else {}
        return {
            "status": "finished",
            "outcome": self.outcome,
            "end_reason": self.row.end_reason if self.row else None,
            "turns": self.row.turn if self.row else 0,
            "ended_at": now(),
            "seconds": round(seconds, 3),
            "broken": self.broken.model_dump() if self.broken else None,
            "skipped": self.skipped,
            "latencies": found.latencies if found else [],
            "spending": {party: one.model_dump() for party, one in spending.items()},
        }


def pack_verdict(verdict: Verdict) -> VerdictRow:
    """The verdict as it is stored."""
    return VerdictRow(
        verdict.id,
        verdict.kind,
        verdict.status,
        verdict.must,
        verdict.model_dump_json(exclude_defaults=True),
    )


class TrialRunner:
    """Runs the trials of one experiment."""

    def __init__(
        self, runs: RunService, row: ExperimentRow, suite: ResolvedSuite, assessor: Assessor
    ) -> None:
        self._runs, self._suite, self._assessor = runs, suite, assessor
        self._id, self._client_id = row.id, row.client_id

    async def close(self) -> None:
        """Ends what the checks needed."""
        await self._assessor.close()

    async def try_judge(self) -> str | None:
        """Whether the judge fails what it must fail; None without a judge."""
        return await self._assessor.try_judge()

    async def stop(self, conversation_id: str) -> None:
        """Ends a trial's conversation, also while its bot hangs."""
        await self._runs.stop(conversation_id)

    async def run(self, trial: TrialRow) -> TrialResult:
        """Has the conversation and assesses it; one that has ended already is only assessed.

        Raises `Unfinished` where the process stops, and `StorageError`.
        """
        explain = partial(self._log_crash, trial)  # one trial must not end the others
        try:
            return await or_else(self._run(trial), explain, passes=(DuologueError, Unfinished))
        except Stopping:
            raise Unfinished from None
        except StorageError:
            raise
        except DuologueError as error:
            fault = Breakage(cause="infrastructure", code=error.code, message=error.message)
            return TrialResult(None, broken=fault)

    async def _run(self, trial: TrialRow) -> TrialResult:
        id = trial.conversation_id or await self._create(trial)
        row = await self._drive(id)
        if row.status is Status.STOPPED:
            return TrialResult(row, skipped=STOPPED)
        if row.status is not Status.COMPLETED:
            if not row.error:
                raise Unfinished
            return TrialResult(row, broken=explain_breakage(row))
        session = await self._session(trial, id)
        said = FinishedConversation(await self._runs.messages(id), session, row.end_reason)
        found = await self._assessor.assess(trial.scenario, trial.bot, said)
        return TrialResult(row, found, verdicts=[pack_verdict(one) for one in found.verdicts])

    async def _create(self, trial: TrialRow) -> str:
        """Its key is experiment and trial: asked for twice, it is the same conversation."""
        scenario = self._suite.scenarios[trial.scenario]
        bot = trial.bot
        played = scenario.play(
            persona=trial.persona or None, bot_id=int(bot) if bot.isdecimal() else bot
        )
        # The same for every bot, so that two are compared under the same chance.
        seed = f"{played.seed or trial.scenario}/{trial.persona}/{trial.repeat}"[-200:]
        played = played.model_copy(update={"seed": seed})
        persona = self._suite.personas.get(trial.persona)
        id = await self._runs.create(
            played,
            key=f"trial {self._id} {trial.number} {trial.attempt}",
            body=self._id,
            experiment_id=self._id,
            client_id=self._client_id,
            card=persona.model_dump(exclude_defaults=True) if persona else None,
        )
        await self._runs.storage.trials.begin(self._id, trial.number, id)
        return id

    async def _drive(self, id: str) -> ConversationRow:
        """Starts or resumes the conversation, whoever drives it, until it rests."""
        driven = False
        while True:
            row = await self._runs.get(id, self._client_id)
            if row.status.ended or row.error:
                return row
            if driven and row.status is Status.INTERRUPTED:
                raise Unfinished
            if row.status in (Status.RUNNING, Status.WAITING):  # somebody else takes care of it
                await self._wait(id)
                continue
            driven = await self._begin(id, row.status) or driven

    async def _begin(self, id: str, status: Status) -> bool:
        """Lets it run until it rests; tells whether it did."""
        try:
            begin = self._runs.start if status is Status.CREATED else self._runs.resume
            view = await begin(id, wait=True)
        except (Busy, Conflict):  # another has it run, or it was stopped while it waited
            await asyncio.sleep(POLL_S)
            return False
        while view.is_driven_here:
            await view.changes.watch()
        return True

    async def _wait(self, id: str) -> None:
        """Until something happens to a conversation that was set going elsewhere."""
        view = self._runs.views.find_view(id)
        if view is not None and view.is_driven_here:
            await view.changes.watch()
        else:
            await asyncio.sleep(POLL_S)

    async def _session(self, trial: TrialRow, id: str) -> Mapping[str, Any]:
        if not self._reads_session[trial.scenario]:
            return {}
        state = await self._runs.views.read_state(id)
        return state.get("session") or {}

    @cached_property
    def _reads_session(self) -> dict[str, bool]:
        """Reading the state costs as much as a turn, so only where a check may look at it."""
        return {
            id: any(isinstance(check, Session | Python) for check in scenario.checks)
            for id, scenario in self._suite.scenarios.items()
        }

    def _log_crash(self, trial: TrialRow, error: Exception) -> TrialResult:
        incident = uuid4().hex[:12]
        facts = {"experiment_id": self._id, "trial": trial.number, "incident": incident}
        log.error("trial broke", exc_info=error, extra=facts)
        text = f"an internal error, incident {incident}"
        broken = Breakage(cause="infrastructure", code="internal", message=text)
        return TrialResult(None, broken=broken)


def explain_breakage(row: ConversationRow) -> Breakage:
    """Who broke the conversation: the bot, the simulated user's model, or we."""
    error = row.error or {}
    code = str(error.get("code", "internal"))
    cause: Cause = "infrastructure"
    if error.get("where") == "bot" or row.end_reason == EndReason.BOT_ERROR:
        cause = "bot"
    elif error.get("where") == "user" or row.end_reason == EndReason.SIMULATOR_ERROR:
        cause = "simulator" if code in _SIMULATOR else "model"
    return Breakage(cause=cause, code=code, message=str(error.get("error", ""))[:2000])

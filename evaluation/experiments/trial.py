"""One trial: an ordinary conversation, driven to its end and assessed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple
from uuid import uuid4

from core.ends import EndReason, Status
from core.errors import DuologueError, Stopping, StorageError
from core.failures import or_else
from core.message import now
from core.text import clean
from evaluation.cells import ResolvedSuite
from evaluation.checks.figures import Session
from evaluation.checks.python import Python
from evaluation.conversations import Unfinished, drive
from evaluation.experiments.assess import Assessment, Assessor, FinishedConversation
from evaluation.experiments.trial_records import pack_user
from evaluation.prices import add_spendings
from evaluation.results import Breakage, Party
from evaluation.simulated_users import SecondOpinion, UserRecord, is_chosen, observe_user
from evaluation.verdicts import Cause, Spending, Verdict
from graph.runs.service import RunService
from graph.storage.conversation import Conversation as ConversationRow
from graph.storage.experiment_rows import ExperimentRow, TrialRow, VerdictRow
from nodes.speakers.personas import DEFAULT

log = logging.getLogger("duologue.experiments")
STOPPED = "its conversation was stopped"
_SIMULATOR = frozenset(("user_truncated", "user_refused", "user_empty"))


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What is stored of a trial that ended. `skipped` says why it counts for nothing."""

    row: ConversationRow | None
    assessment: Assessment | None = None
    broken: Breakage | None = None
    skipped: str | None = None
    verdicts: Sequence[VerdictRow] = ()
    user: UserRecord | None = None
    second: "SecondTrial | None" = None
    bot_version: str | None = None

    @property
    def spending(self) -> dict[Party, Spending]:
        """What it took by party, its second opinion included."""
        parts = [self.assessment, self.second.assessment if self.second else None]
        some = [part.spending for part in parts if part]
        parties = dict.fromkeys(party for spent in some for party in spent)
        return {
            party: add_spendings(spent[party] for spent in some if party in spent)
            for party in parties
        }

    @property
    def outcome(self) -> str:
        if self.skipped is not None:
            return "skipped"
        return self.assessment.outcome if self.assessment else "broken"

    def columns(self, seconds: float) -> dict[str, Any]:
        """The trial's columns."""
        found = self.assessment
        second = self.second.opinion if self.second else None
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
            "spending": {
                **{party: one.model_dump() for party, one in self.spending.items()},
                **(pack_user(self.user, second) if self.user else {}),
            },
        }


class SecondTrial(NamedTuple):
    """The replay of a trial with another user model; without an assessment it is broken."""

    opinion: SecondOpinion
    assessment: Assessment | None = None


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
        self._replays: dict[str, str] = {}

    async def close(self) -> None:
        """Ends what the checks needed."""
        await self._assessor.close()

    async def try_judge(self) -> str | None:
        """Whether the judge fails what it must fail; None without a judge."""
        return await self._assessor.try_judge()

    async def stop(self, conversation_id: str) -> None:
        """Ends a trial's conversation, also while its bot hangs."""
        await self._runs.stop(self._replays.get(conversation_id, conversation_id))

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
        row = await drive(self._runs, id, self._client_id)
        if row.status is Status.STOPPED:
            return TrialResult(row, skipped=STOPPED)
        if row.status is not Status.COMPLETED:
            if not row.error:
                raise Unfinished
            return TrialResult(row, broken=explain_breakage(row))
        session = await self._session(trial, id)
        said = FinishedConversation(await self._runs.messages(id), session, row.end_reason)
        found = await self._assessor.assess(trial.scenario, trial.bot, said)
        version = session.get("version") if trial.bot in self._telling_versions else None
        return TrialResult(
            row,
            found,
            verdicts=[pack_verdict(one) for one in found.verdicts],
            user=observe_user(said.messages),
            second=await self._replay(trial, id),
            bot_version=_shorten_version(version),
        )

    async def _replay(self, trial: TrialRow, first: str) -> SecondTrial | None:
        """The trial once more with another user model, if it is one of those that are chosen."""
        model = self._find_second_model(trial)
        if model is None:
            return None
        id = self._replays[first] = await self._converse(trial, model)
        try:
            row = await drive(self._runs, id, self._client_id)
        finally:
            del self._replays[first]
        if row.status is Status.STOPPED:
            return None
        opinion = SecondOpinion(
            model=model,
            conversation_id=id,
            outcome="broken",
            end_reason=row.end_reason,
            turns=row.turn,
        )
        if row.status is not Status.COMPLETED:
            if not row.error:
                raise Unfinished
            cause = explain_breakage(row).cause
            return SecondTrial(opinion.model_copy(update={"cause": cause}))
        said = FinishedConversation(
            await self._runs.messages(id), await self._session(trial, id), row.end_reason
        )
        found = await self._assessor.assess(trial.scenario, trial.bot, said)
        failed = [one.id for one in found.verdicts if one.status == "fail"]
        judged = {"outcome": found.outcome, "failed": failed}
        return SecondTrial(opinion.model_copy(update=judged), found)

    def _find_second_model(self, trial: TrialRow) -> str | None:
        rule = self._suite.second_opinion
        if rule is None or not is_chosen(trial.number, rule.share):
            return None
        scenario = self._suite.scenarios[trial.scenario]
        models = {one.persona: one.model for one in self._suite.simulators}
        usual = scenario.user_model or models.get(trial.persona or DEFAULT)
        return rule.user_model if usual and usual != rule.user_model else None

    async def _create(self, trial: TrialRow) -> str:
        id = await self._converse(trial)
        await self._runs.storage.trials.begin(self._id, trial.number, id)
        return id

    async def _converse(self, trial: TrialRow, second_model: str | None = None) -> str:
        """Its key is experiment and trial: asked for twice, it is the same conversation."""
        scenario = self._suite.scenarios[trial.scenario]
        bot = trial.bot
        played = scenario.play(
            persona=trial.persona or None, bot_id=int(bot) if bot.isdecimal() else bot
        )
        played = played.model_copy(update={"seed": _choose_seed(trial, played.seed)})
        if second_model is not None:
            played = played.model_copy(update={"user_model": second_model})
        persona = self._suite.personas.get(trial.persona)
        return await self._runs.create(
            played,
            key=f"trial {self._id} {trial.number} {trial.attempt}"
            + (" second" if second_model else ""),
            body=self._id,
            experiment_id=self._id,
            client_id=self._client_id,
            card=persona.model_dump(exclude_defaults=True) if persona else None,
        )

    async def _session(self, trial: TrialRow, id: str) -> Mapping[str, Any]:
        if not self._reads_session[trial.scenario] and trial.bot not in self._telling_versions:
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

    @cached_property
    def _telling_versions(self) -> set[str]:
        """The bots whose first answer tells their version."""
        first = ("init", "open")
        return {
            id
            for id, bot in self._suite.bots.items()
            if any("version" in (bot.get(call) or {}).get("capture", {}) for call in first)
        }

    def _log_crash(self, trial: TrialRow, error: Exception) -> TrialResult:
        incident = uuid4().hex[:12]
        facts = {"experiment_id": self._id, "trial": trial.number, "incident": incident}
        log.error("trial broke", exc_info=error, extra=facts)
        text = f"an internal error, incident {incident}"
        broken = Breakage(cause="infrastructure", code="internal", message=text)
        return TrialResult(None, broken=broken)


def _choose_seed(trial: TrialRow, own: int | str | None) -> int | str:
    """The same for every bot, so that two are compared under the same chance. A scenario's own
    seed is that of its first repeat, which is then the talk that `duologue run` has of it.
    """
    if own is not None and trial.repeat == 1:
        return own
    return f"{trial.scenario if own is None else own}/{trial.persona}/{trial.repeat}"[-200:]


def _shorten_version(version: Any) -> str | None:
    return None if version in (None, "") else clean(str(version))[:100]


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

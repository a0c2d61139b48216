"""What a conversation was started with, and what was found of it where it is a trial."""

from typing import Any

from fastapi import APIRouter, Request

from api import experiment_schemas as schemas
from api.bodies import StrictRoute
from api.caller import get_caller
from api.documents import describe_responses
from api.routes.experiments import Experiments
from api.state import ClientQuery, Id, RunsDep
from core.errors import NotFound
from evaluation.experiments.service import ExperimentService
from evaluation.experiments.trial_records import describe_trials
from evaluation.results import TrialRecord
from graph.runs.service import RunService
from graph.storage.conversation import Conversation
from nodes.calls.http import redacted_url

router = APIRouter(
    prefix="/api/conversations/{id}",
    tags=["conversations"],
    route_class=StrictRoute,
    responses=describe_responses(),
)


@router.get("/setup", response_model=schemas.ConversationSetup, summary="What it was started with")
async def show_setup(
    id: Id, request: Request, runs: RunsDep, service: Experiments, client_id: ClientQuery = None
) -> dict[str, Any]:
    """`scenario` is what `POST /api/conversations` takes for another one like it; that of a fork
    has not what was said before. An administrator sees the bot's address.
    """
    row = await runs.get(id, client_id)
    return {
        "scenario": {**row.scenario, **await _read_history(row, runs)},
        "bot": _describe_bot(row, runs, get_caller(request.scope).is_administrator),
        "user_model": _find_user_model(row, runs),
        "experiment": await _describe_experiment(id, service),
    }


async def _read_history(row: Conversation, runs: RunService) -> dict[str, Any]:
    if row.parent_id is not None:
        return {}
    given = [line for line in await runs.messages(row.id) if line["origin"] == "given"]
    lines = [{"role": line["role"], "content": line["content"]} for line in given]
    return {"history": lines} if lines else {}


def _describe_bot(row: Conversation, runs: RunService, is_administrator: bool) -> dict[str, Any]:
    config = runs.speakers.bots.get(str(row.bot_id))
    if config is None or row.scenario.get("bot_prompt") is not None:
        return {"bot_id": row.scenario.get("bot_id", row.bot_id)}
    address = getattr(config, "base_url", None) or getattr(config, "url", None)
    return {
        "bot_id": row.scenario.get("bot_id", row.bot_id),
        "name": config.name,
        "kind": config.kind,
        "version": config.version,
        "address": redacted_url(str(address)) if address and is_administrator else None,
    }


def _find_user_model(row: Conversation, runs: RunService) -> str | None:
    """Which model plays the user, where one does."""
    if row.seat != "simulated":
        return None
    settings = runs.settings
    return row.scenario.get("user_model") or settings.user_model or settings.model


async def _describe_experiment(id: str, service: ExperimentService) -> dict[str, Any] | None:
    found = await service.storage.trials.find_by_conversation(id)
    if found is None:
        return None
    experiment = await service.get(found[0])
    return {
        "id": experiment.id,
        "name": experiment.name,
        "suite": experiment.suite,
        "repeat": found[1].repeat,
    }


@router.get("/trial", response_model=TrialRecord, summary="What was found of it as a trial")
async def show_trial(
    id: Id, runs: RunsDep, service: Experiments, client_id: ClientQuery = None
) -> TrialRecord:
    """The trial with its verdicts and labels. 404 where the conversation is none."""
    await runs.get(id, client_id)
    found = await service.storage.trials.find_by_conversation(id)
    if found is None:
        raise NotFound("the conversation is no trial of an experiment")
    experiment = await service.get(found[0])
    return (await describe_trials(service.storage, experiment, [found[1]]))[0]

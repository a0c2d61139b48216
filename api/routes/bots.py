"""What is configured: bots and personas, without their secrets."""

from dataclasses import asdict
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.caller import get_caller
from api.documents import describe_responses
from api.state import RunsDep
from core.errors import BotError, Forbidden, NotFound
from core.scenario import Scenario
from graph.runs.service import RunService
from nodes.bots.cassette import find_mode
from nodes.bots.trying import Trial, try_bot
from nodes.speakers.protocol import ClosableBot
from nodes.speakers.readiness import missing_requirement
from nodes.speakers.registry import Speakers
from reports.persona import render_persona

router = APIRouter(
    prefix="/api", tags=["bots"], route_class=StrictRoute, responses=describe_responses()
)
_CHECKED: dict[str, Any] = {
    "description": "The figures: as JSON, or as a report by `Accept`",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/PersonaCheck"}},
        "text/html": {"schema": {"type": "string"}},
        "text/markdown": {"schema": {"type": "string"}},
    },
}
BotPath = Annotated[str, Path(max_length=100)]


@router.get("/bots", response_model=schemas.BotList, summary="The configured bots")
async def list_bots(runs: RunsDep) -> dict[str, Any]:
    return {"bots": [_describe_bot(runs, id) for id in runs.speakers.bots]}


def _describe_bot(runs: RunService, id: str) -> dict[str, Any]:
    config = runs.speakers.bots[id]
    reason = missing_requirement(runs.speakers, id)
    greets = reason is None and runs.speakers.by_id(id).greets
    scenario = Scenario.model_construct(bot_id=id)
    return {
        "bot_id": id,
        "name": config.name or f"bot {id}",
        "kind": config.kind,
        "description": config.description,
        "ready": reason is None,
        "reason": reason,
        "greets": greets,
        "version": config.version,
        "memory": runs.speakers.memory(scenario) if reason is None else config.memory,
        "side_effects": config.has_side_effects,
        "cassette": find_mode(config, runs.settings) if config.cassette else None,
    }


@router.post("/bots/{id}/ping", response_model=schemas.PingResult, summary="Try a bot")
async def ping_bot(id: BotPath, runs: RunsDep) -> dict[str, Any]:
    """Calls the bot once and says what came; `ok` is false where it failed.

    One that is not ready is not called.
    """
    began = monotonic()
    result = await _try_bot(id, runs)
    return {**result, "bot_id": id, "latency_ms": round((monotonic() - began) * 1000)}


async def _try_bot(id: str, runs: RunService) -> dict[str, Any]:
    if reason := missing_requirement(runs.speakers, id):
        return {"ok": False, "message": reason, "code": "not_ready"}
    try:
        return {"ok": True, "message": await runs.speakers.by_id(id).ping(), "code": None}
    except BotError as error:
        return {"ok": False, "message": error.message, "code": error.code}


@router.post(
    "/bots/{id}/try",
    response_model=schemas.BotTrial,
    summary="Say one line to a bot and see every call",
)
async def try_one_bot(
    id: BotPath, body: schemas.TryRequest, request: Request, runs: RunsDep
) -> dict[str, Any]:
    """Opens a session of its own, says the line, closes; nothing is stored.

    Each call is shown as it was sent and answered, secrets masked. A bot that fails is no error of
    this request. Only administrators may: what a bot is sent is none of its users' business.
    """
    if not get_caller(request.scope).is_administrator:
        raise Forbidden("only an administrator sees what a bot is sent")
    if reason := missing_requirement(runs.speakers, id):
        return {**asdict(Trial(error=reason, code="not_ready")), "ok": False, "bot_id": id}
    trial = await _try_alone(runs.speakers, id, body.message)
    return {**asdict(trial), "ok": trial.error is None, "bot_id": id}


async def _try_alone(speakers: Speakers, id: str, message: str) -> Trial:
    """By a bot of its own: what is watched are the calls of this trial and of no conversation."""
    bot = speakers.make_alone(id)
    try:
        async with speakers.limits(Scenario.model_construct(bot_id=id)).place(lambda: None):
            return await try_bot(bot, id, message)
    finally:
        if isinstance(bot, ClosableBot):
            await bot.aclose()


@router.post(
    "/personas/{persona}/check",
    response_model=schemas.PersonaCheck,
    responses=describe_responses(404, s200=_CHECKED),
    summary="What can be measured of a persona",
)
async def check_one_persona(
    persona: Annotated[str, Path(max_length=100)],
    body: schemas.PersonaCheckRequest,
    request: Request,
    runs: RunsDep,
) -> Any:
    """Plays it against canned bots and counts; nothing is stored.

    With `Accept: text/html` or `text/markdown` a report. A model that plays it costs what
    `talks` × four bots × `turns` of its lines cost.
    """
    if persona not in runs.speakers.personas:
        raise NotFound("there is no persona with that id")
    from evaluation.user_check import check_persona

    found = await check_persona(
        runs.speakers, persona, body.user, talks=body.talks, turns=body.turns
    )
    accept = request.headers.get("accept", "")
    if "text/html" in accept:
        return Response(render_persona(found, "html"), media_type="text/html; charset=utf-8")
    if "text/markdown" in accept:
        text = render_persona(found, "markdown")
        return Response(text, media_type="text/markdown; charset=utf-8")
    return found


@router.get("/personas", response_model=schemas.PersonaList, summary="The configured personas")
async def list_personas(runs: RunsDep) -> dict[str, Any]:
    return {
        "personas": [
            {
                "persona": id,
                "name": persona.name,
                "goal": persona.goal,
                "language": persona.language,
                "level": persona.level,
                "scripted": bool(persona.script),
            }
            for id, persona in runs.speakers.personas.items()
        ]
    }

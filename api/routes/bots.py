"""What is configured: bots and personas, without their secrets."""

from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.documents import describe_responses
from api.state import RunsDep
from core.errors import BotError, NotFound
from graph.runs.service import RunService
from nodes.speakers.readiness import missing_requirement
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
    return {
        "bot_id": id,
        "name": config.name or f"bot {id}",
        "kind": config.kind,
        "description": config.description,
        "ready": reason is None,
        "reason": reason,
        "greets": greets,
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
            }
            for id, persona in runs.speakers.personas.items()
        ]
    }

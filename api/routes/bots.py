"""What is configured: bots and personas, without their secrets."""

from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api import schemas
from api.bodies import StrictRoute
from api.documents import answers
from api.ready import lack
from api.state import AnyRuns
from core.errors import BotError
from graph.runs.service import RunService

router = APIRouter(prefix="/api", tags=["bots"], route_class=StrictRoute, responses=answers())
BotPath = Annotated[str, Path(max_length=100)]


@router.get("/bots", response_model=schemas.BotList, summary="The configured bots")
async def bots(runs: AnyRuns) -> dict[str, Any]:
    return {"bots": [_shown(runs, id) for id in runs.speakers.bots]}


def _shown(runs: RunService, id: str) -> dict[str, Any]:
    config = runs.speakers.bots[id]
    reason = lack(runs.speakers, id)
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


@router.post("/bots/{id}/ping", response_model=schemas.Ping, summary="Try a bot")
async def ping(id: BotPath, runs: AnyRuns) -> dict[str, Any]:
    """Calls the bot once and says what came; `ok` is false where it failed.

    One that is not ready is not called.
    """
    began = monotonic()
    told = await _tried(id, runs)
    return {**told, "bot_id": id, "latency_ms": round((monotonic() - began) * 1000)}


async def _tried(id: str, runs: RunService) -> dict[str, Any]:
    if reason := lack(runs.speakers, id):
        return {"ok": False, "message": reason, "code": "not_ready"}
    try:
        return {"ok": True, "message": await runs.speakers.by_id(id).ping(), "code": None}
    except BotError as error:
        return {"ok": False, "message": error.message, "code": error.code}


@router.get("/personas", response_model=schemas.PersonaList, summary="The configured personas")
async def personas(runs: AnyRuns) -> dict[str, Any]:
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

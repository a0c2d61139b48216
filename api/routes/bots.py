"""What is configured: bots and personas, without their secrets."""

from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api import schemas
from api.bodies import StrictRoute
from api.documents import answers
from api.state import AnyRuns
from graph.errors import BotError, Invalid, NotFound
from graph.runs import Runs
from nodes.bots.config import missing_secrets

router = APIRouter(prefix="/api", tags=["bots"], route_class=StrictRoute, responses=answers())
BotPath = Annotated[str, Path(max_length=100)]


@router.get("/bots", response_model=schemas.BotList, summary="The configured bots")
async def bots(runs: AnyRuns) -> dict[str, Any]:
    return {"bots": [_shown(runs, id) for id in runs.cast.bots]}


def _shown(runs: Runs, id: str) -> dict[str, Any]:
    config = runs.cast.bots[id]
    missing = missing_secrets(config)
    reason = f"the environment variable {missing[0]} is not set" if missing else None
    if config.kind == "prompt" and not runs.settings.has_model:
        reason = "no model is configured"
    greets = reason is None and runs.cast.by_id(id).greets
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
    """Calls the bot once and says what came; `ok` is false where it failed."""
    began = monotonic()
    try:
        bot = runs.cast.by_id(id)
    except Invalid as error:
        raise NotFound(error.message) from None
    told: dict[str, Any] = {"ok": True, "code": None}
    try:
        told["message"] = await bot.ping()
    except BotError as error:
        told = {"ok": False, "message": error.message, "code": error.code}
    return {**told, "bot_id": id, "latency_ms": round((monotonic() - began) * 1000)}


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
            for id, persona in runs.cast.personas.items()
        ]
    }

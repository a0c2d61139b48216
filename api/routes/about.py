"""The service itself: what it is, and how it is."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from api import schemas
from api.caller import get_caller
from api.documents import describe_responses
from api.metrics import Metrics
from api.pages import ASSETS, load_asset, render_reference, render_welcome
from api.state import RunsDep, SettingsDep
from core.errors import NotFound, StorageError, StorageFull
from core.settings import Settings
from core.version import VERSION
from graph.runs.service import RunService
from nodes.speakers.personas import DEFAULT

DAMAGED_SHOWN = 5
router = APIRouter(tags=["about"], responses=describe_responses())


@router.get(
    "/",
    summary="What this is",
    response_class=Response,
    responses={200: {"description": "What this is"}},
)
async def get_root(request: Request, settings: SettingsDep) -> Response:
    """A browser is led to the UI, in its language; anything else is told where things are."""
    if "text/html" in request.headers.get("accept", ""):
        if request.app.state.ui_ready:
            return RedirectResponse(f"/{_language(request)}/", 307)
        return HTMLResponse(render_welcome(ui=settings.ui, failed=request.app.state.ui_failed))
    data = {
        "name": "Duologue",
        "version": VERSION,
        "docs": "/docs",
        "openapi": "/openapi.json",
        "health": "/health",
        "simulate": "/simulate",
        "ui": _pages(request, settings),
    }
    import orjson

    return Response(orjson.dumps(data), media_type="application/json")


def _pages(request: Request, settings: Settings) -> dict[str, str] | None:
    """Where the UI is, or will be in a moment."""
    there = settings.ui and not request.app.state.ui_failed
    return {"en": "/ui/", "vi": "/vi/"} if there else None


def _language(request: Request) -> str:
    wanted = request.headers.get("accept-language", "").lower()
    return "vi" if wanted.startswith("vi") else "ui"


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    return HTMLResponse(render_reference())


@router.get("/docs/{name}", include_in_schema=False)
def docs_asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound("there is no such page")
    cached = {"Cache-Control": "max-age=86400"}
    return Response(load_asset(name), media_type=ASSETS[name], headers=cached)


@router.get("/health", response_model=schemas.Health, summary="How it is")
async def get_health(request: Request, response: Response) -> dict[str, Any]:
    """Answers without touching a bot or a model; 503 where the database does not answer.

    It is degraded also where single conversations are damaged, or where old ones are not deleted
    because the clock may be wrong. An administrator sees which conversations.
    """
    runs = getattr(request.app.state, "runs", None)
    state, is_up = await _check_database(runs)
    if not is_up:
        response.status_code = 503
    damaged = list(runs.storage.catalogue.damaged) if runs else []
    retention = getattr(request.app.state, "retention", None)
    deleting = retention.state if retention else "off"
    well = state == "ok" and not damaged and not deleting.startswith("paused")
    shown = damaged[:DAMAGED_SHOWN] if get_caller(request.scope).is_administrator else []
    return {
        "status": "ok" if well else "degraded",
        "database": state,
        "damaged": {"count": len(damaged), "ids": shown},
        "retention": deleting,
        "version": VERSION,
    }


async def _check_database(runs: RunService | None) -> tuple[str, bool]:
    """What there is to say of the database, and whether it can be read."""
    if runs is None:
        return "starting", False
    try:
        await runs.storage.check()
    except StorageError as error:
        return error.message, isinstance(error, StorageFull)
    return "ok", True


@router.get("/info", summary="How it is set up")
async def get_info(request: Request, runs: RunsDep, settings: SettingsDep) -> dict[str, Any]:
    """What serves as user and as bots, and the limits; no secrets."""
    return {
        "name": "Duologue",
        "version": VERSION,
        "user": runs.speakers.default_seat,
        "user_note": user_note(settings.has_model),
        "model": settings.model if settings.has_model else None,
        "bots": list(runs.speakers.bots),
        "personas": list(runs.speakers.personas),
        "default_persona": DEFAULT,
        "database": settings.database_url.partition(":")[0],
        "resume_on_start": settings.resume_on_start,
        "open_runs": runs.open_runs,
        "limits": {
            "max_turns": settings.max_turns,
            "max_open_runs": settings.max_open_runs,
            "max_body_bytes": settings.max_body_bytes,
        },
        "ui": _pages(request, settings),
    }


def user_note(has_model: bool) -> str:
    """Who plays the user, said plainly."""
    if has_model:
        return "the simulated user is played by the configured model"
    return "no model is configured (OPENAI_API_KEY or OPENAI_BASE_URL): the scripted learner serves"


@router.get("/metrics", summary="For Prometheus", response_class=Response)
async def get_metrics(request: Request, runs: RunsDep) -> Response:
    """Runs by status, turns, latencies, retries and open streams."""
    kept: Metrics = request.app.state.metrics
    content = kept.text(await runs.storage.catalogue.count_by_status(), runs.open_runs)
    return Response(content, media_type="text/plain; version=0.0.4")

"""Experiments: suites, their trials, what was found, and what can be asked of them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import Field, StringConstraints

from api import experiment_schemas as schemas
from api.bodies import StrictRoute
from api.documents import describe_responses
from api.routes.conversations import Key
from api.sse import Stream
from api.state import Absent, ClientQuery, SettingsDep, choose_client, list_visible_clients
from core.errors import Busy, ConfigError, Invalid, NotFound, Stopping
from core.message import now
from evaluation.cells import ResolvedSuite
from evaluation.compare import build_comparison
from evaluation.experiments import changes
from evaluation.experiments.comparison import find_moved_parts
from evaluation.experiments.document import describe_experiment
from evaluation.experiments.drive import RemainingBudget
from evaluation.experiments.events import Event, follow
from evaluation.experiments.service import ExperimentService
from evaluation.experiments.trial_records import describe_trials
from evaluation.project import Project
from evaluation.resolve import load_suite, resolve_body
from evaluation.results import ComparisonDocument, ExperimentDocument
from evaluation.suites import SuiteBody
from evaluation.verdicts import Outcome
from graph.storage.experiment_rows import ExperimentRow

SUITES = Path("suites")
router = APIRouter(
    prefix="/api", tags=["experiments"], route_class=StrictRoute, responses=describe_responses()
)
STREAM = {
    "description": "The event stream: trial, progress, done",
    "content": {"text/event-stream": {"schema": {"description": "Frames with id, event and data"}}},
}
Cursor = Annotated[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | Absent, Query()]
LastId = Annotated[str, StringConstraints(max_length=18, pattern=r"^[0-9]*$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Reference = Annotated[str, Query(min_length=1, max_length=200, description="An id or a name.")]


def get_experiments(request: Request) -> ExperimentService:
    """The experiments of this process. Raises `Stopping` before they are there."""
    service: ExperimentService | None = getattr(request.app.state, "experiments", None)
    if service is None:
        raise Stopping("the server is starting or stopping")
    return service


def parse_experiment_id(id: str) -> str:
    """The path's id. What is no UUID was never given to an experiment: `NotFound`."""
    plain = id.replace("-", "")
    if len(id) != 36 or len(plain) != 32 or not plain.isalnum() or not plain.isascii():
        raise NotFound("there is no experiment with that id")
    return id.lower()


Experiments = Annotated[ExperimentService, Depends(get_experiments)]


async def require_own(
    id: Annotated[str, Depends(parse_experiment_id)],
    service: Experiments,
    request: Request,
    client_id: ClientQuery = None,
) -> str:
    """The path's id. Raises `NotFound`, and `Forbidden` where it is another client's."""
    await service.require_own(id, list_visible_clients(request, client_id))
    return id


ExperimentId = Annotated[str, Depends(require_own)]


# --- suites and experiments ---------------------------------------------------------------------


@router.get("/suites", response_model=schemas.SuiteList, summary="The suites of this server")
async def list_suites(settings: SettingsDep) -> dict[str, Any]:
    """Each file of suites/, with the reason where it cannot be run."""

    def read() -> list[dict[str, Any]]:
        project = Project.open(settings)
        return [_describe_suite(path, project) for path in sorted(SUITES.glob("*.yaml"))]

    return {"suites": await asyncio.to_thread(read)}


def _describe_suite(path: Path, project: Project) -> dict[str, Any]:
    try:
        suite = load_suite(path, project)
    except ConfigError as error:
        return {"suite": path.stem, "error": error.message}
    return {
        "suite": path.stem,
        "name": suite.suite.name,
        "trials": suite.count,
        "scenarios": list(suite.scenarios),
        "bots": list(suite.bots),
    }


@router.post(
    "/experiments",
    status_code=201,
    response_model=schemas.ExperimentSummary,
    summary="Run a suite",
)
async def create_experiment(
    body: schemas.ExperimentRequest,
    service: Experiments,
    settings: SettingsDep,
    request: Request,
    response: Response,
    key: Key = None,
) -> dict[str, Any]:
    """Stores an experiment with all its trials, and starts it. It belongs to the server.

    An `Idempotency-Key` header gives the same experiment for the same key and body.
    """
    client = choose_client(request, body.client_id)
    suite = await asyncio.to_thread(_resolve, body.suite, Project.open(settings))
    row = await service.create(
        suite,
        body.name,
        client_id=client,
        key=f"{client or ''} {key}" if key else None,
        body=hashlib.sha256(body.model_dump_json().encode()).hexdigest(),
    )
    if body.start and row.status == "created":
        with suppress(Busy):  # the same request came twice at once
            await service.start(row.id)
    place = f"/api/experiments/{row.id}"
    response.headers.update({"Location": place, "Link": f'<{place}/events>; rel="monitor"'})
    return await _summarize(service, await service.get(row.id))


def _resolve(asked: str | SuiteBody, project: Project) -> ResolvedSuite:
    try:
        if isinstance(asked, SuiteBody):
            return resolve_body(asked, project)
        path = SUITES / f"{asked}.yaml"
        if not path.is_file():
            raise Invalid("there is no suite with that name", "suite")
        return load_suite(path, project)
    except ConfigError as error:
        raise Invalid(error.message, f"suite.{error.key}" if error.key else "suite") from None


@router.get("/experiments", response_model=schemas.ExperimentPage, summary="List experiments")
async def list_experiments(
    service: Experiments,
    request: Request,
    suite: Annotated[Annotated[str, Field(max_length=200)] | Absent, Query()] = None,
    client_id: ClientQuery = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first. Without a `client_id`, those that belong to nobody."""
    before = int(cursor) if cursor else None
    client = choose_client(request, client_id) or ""
    rows, more = await service.storage.experiments.list_page(
        limit, before, suite=suite, client_id=client
    )
    counts = await service.storage.trials.counts_of([row.id for row in rows])
    fresh = map(service.with_live_status, rows)
    return {
        "experiments": [_describe(row, counts[row.id]) for row in fresh],
        "next": str(more) if more else None,
    }


async def _summarize(service: ExperimentService, row: ExperimentRow) -> dict[str, Any]:
    return _describe(row, await service.storage.trials.counts(row.id))


def _describe(row: ExperimentRow, counts: dict[str, int]) -> dict[str, Any]:
    facts = describe_experiment(row).model_dump()
    return {**facts, "suite": row.suite, "total": row.total, "counts": counts}


@router.get(
    "/experiments/{id}",
    response_model=ExperimentDocument,
    summary="Figures and cells",
    response_class=Response,
)
async def show_experiment(id: ExperimentId, service: Experiments) -> Response:
    """The experiment as it stands: suite, figures, cells, comparisons; its trials come apart."""
    document = await service.document(id, details=False)
    return Response(document.model_dump_json(), media_type="application/json")


@router.get(
    "/experiments/{id}/trials", response_model=schemas.TrialPage, summary="Trials with verdicts"
)
async def list_trials(
    id: ExperimentId,
    service: Experiments,
    outcome: Annotated[Outcome | Absent, Query()] = None,
    scenario: Annotated[Annotated[str, Field(max_length=200)] | Absent, Query()] = None,
    bot: Annotated[Annotated[str, Field(max_length=200)] | Absent, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """In the order in which they begin."""
    row = await service.get(id)
    after = int(cursor) if cursor else None
    rows = await service.storage.trials.select(
        id, outcome=outcome, scenario=scenario, bot=bot, after=after, limit=limit + 1
    )
    trials = await describe_trials(service.storage, row, rows[:limit])
    data = {
        "trials": [trial.model_dump(mode="json") for trial in trials],
        "next": str(rows[limit - 1].number) if len(rows) > limit else None,
    }
    return Response(orjson.dumps(data), media_type="application/json")


@router.delete("/experiments/{id}", status_code=204, summary="Remove an experiment")
async def delete_experiment(id: ExperimentId, service: Experiments) -> None:
    """It and all its conversations are gone. 409 where it runs: stop it first."""
    await changes.delete(service, id)


# --- following ----------------------------------------------------------------------------------


@router.get(
    "/experiments/{id}/events",
    response_class=Response,
    summary="Follow an experiment",
    responses=describe_responses(
        s200=STREAM, s204={"description": "All was told, and the experiment rests"}
    ),
)
async def follow_experiment(
    id: ExperimentId,
    service: Experiments,
    settings: SettingsDep,
    after: Annotated[LastId | Absent, Query(description="Like Last-Event-ID")] = None,
    last_event_id: Annotated[LastId | Absent, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """What changed after the last id that came, then what comes; `done` is the last event."""
    row = await service.get(id)
    last = last_event_id or after
    seen = int(last) if last else None
    if seen is not None and seen >= row.revision and row.status not in ("created", "running"):
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return Stream(_encode(follow(service, id, seen)), settings)


async def _encode(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    async for one in events:
        head = f"id: {one.id}\nevent: {one.event}\ndata: ".encode()
        yield b"%b%b\n\n" % (head, orjson.dumps(one.data))


# --- what can be asked --------------------------------------------------------------------------


async def _answer(service: ExperimentService, id: str) -> dict[str, Any]:
    return await _summarize(service, await service.get(id))


ASKED: dict[str, Any] = {
    "response_model": schemas.ExperimentSummary,
    "responses": describe_responses(409),
}


@router.post("/experiments/{id}/pause", summary="Pause", **ASKED)
async def pause_experiment(id: ExperimentId, service: Experiments) -> dict[str, Any]:
    """Begins no further trial; those under way end."""
    await service.pause(id)
    return await _answer(service, id)


@router.post("/experiments/{id}/stop", summary="Stop an experiment", **ASKED)
async def stop_experiment(id: ExperimentId, service: Experiments) -> dict[str, Any]:
    """Ends the trials under way too; stopping twice is stopping once."""
    await service.stop(id)
    return await _answer(service, id)


@router.post("/experiments/{id}/resume", summary="Go on with an experiment", **ASKED)
async def resume_experiment(
    id: ExperimentId, service: Experiments, body: schemas.ResumeExperiment | None = None
) -> dict[str, Any]:
    """Runs what has not ended; its budget counts anew. A completed one calls nobody."""
    given = body and (body.max_cost_usd or body.minutes)
    budget = RemainingBudget(body.max_cost_usd, body.minutes) if body and given else None
    await changes.resume(service, id, budget)
    return await _answer(service, id)


@router.post("/experiments/{id}/retry", summary="Try trials again", **ASKED)
async def retry_trials(
    id: ExperimentId, service: Experiments, body: schemas.RetryRequest | None = None
) -> dict[str, Any]:
    """Has the trials of an outcome again; `unjudged` ones are only judged again."""
    await changes.retry(service, id, (body or schemas.RetryRequest()).outcome)
    return await _answer(service, id)


@router.post("/experiments/{id}/extend", summary="Add repeats", **ASKED)
async def extend_experiment(
    id: ExperimentId, service: Experiments, body: schemas.ExtendRequest | None = None
) -> dict[str, Any]:
    """Adds repeats to every cell that has a number of them, and runs them."""
    await changes.extend(service, id, (body or schemas.ExtendRequest()).repeats)
    return await _answer(service, id)


@router.post("/experiments/{id}/judge", summary="Judge again", **ASKED)
async def judge_experiment(id: ExperimentId, service: Experiments) -> dict[str, Any]:
    """Checks and judges every conversation once more; no bot is called."""
    await changes.rejudge(service, id)
    return await _answer(service, id)


# --- reports ------------------------------------------------------------------------------------


@router.get(
    "/experiments/{id}/report",
    response_class=Response,
    summary="A report",
    responses={200: {"description": "The report in that format"}},
)
async def report_experiment(
    id: ExperimentId,
    service: Experiments,
    format: Annotated[
        Literal["html", "junit", "json", "jsonl", "markdown", "csv"], Query()
    ] = "html",
    lang: Annotated[Literal["en", "vi"], Query()] = "en",
) -> Response:
    """As `duologue report` writes it. The HTML file is complete in itself."""
    from reports.render import MEDIA_TYPES, render_report

    document = await service.document(id, lines=format in ("html", "json"))

    def render() -> str:
        return render_report(document.model_dump(mode="json"), format, lang)

    return Response(await asyncio.to_thread(render), media_type=MEDIA_TYPES[format])


@router.get("/compare", response_model=ComparisonDocument, summary="Compare two experiments")
async def compare_experiments(
    base: Reference,
    head: Reference,
    service: Experiments,
    request: Request,
    margin: Annotated[float, Query(ge=0, le=1)] = 0.05,
    client_id: ClientQuery = None,
) -> ComparisonDocument:
    """Head against base, paired by scenario and persona; flips first."""
    clients = list_visible_clients(request, client_id)
    one = await service.storage.experiments.find(base, clients=clients)
    other = await service.storage.experiments.find(head, clients=clients)
    return build_comparison(
        await service.document(one.id, details=False),
        await service.document(other.id, details=False),
        generated_at=now(),
        margin=margin,
        moved=find_moved_parts(one, other),
    )

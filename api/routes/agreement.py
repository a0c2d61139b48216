"""How far an experiment's judge agrees with people, and what people should label next."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import experiment_schemas as schemas
from api.bodies import StrictRoute
from api.documents import describe_responses
from api.routes.experiments import ExperimentId, Experiments
from api.state import Absent
from evaluation.calibration import calibrate_experiment, queue_experiment

router = APIRouter(
    prefix="/api/experiments/{id}",
    tags=["experiments"],
    route_class=StrictRoute,
    responses=describe_responses(),
)


@router.get("/agreement", response_model=schemas.Agreement, summary="Agreement with labels")
async def show_agreement(id: ExperimentId, service: Experiments) -> dict[str, Any]:
    """Per criterion or check that people labelled: agreement and Cohen's kappa, with intervals."""
    document = await service.document(id)
    return {"criteria": calibrate_experiment(document)}


@router.get("/to-label", response_model=schemas.LabelQueue, summary="What to label next")
async def list_unlabelled(
    id: ExperimentId,
    service: Experiments,
    labeller: Annotated[Annotated[str, Query(max_length=200)] | Absent, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 20,
) -> dict[str, Any]:
    """The most telling first, blind: what the judge said is not told. Criteria alone.

    With a labeller, what this person has not labelled; else what nobody has.
    """
    document = await service.document(id)
    return {"tasks": queue_experiment(document, labeller or "", limit)}

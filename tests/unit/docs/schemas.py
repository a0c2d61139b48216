"""The published JSON Schemas. `python -m tests.unit.docs.schemas` writes them anew."""

import json

from pydantic import BaseModel

import demo.kinds  # noqa: F401 - registers itself
from evaluation.prices import PricesFile
from evaluation.results import ComparisonDocument, ExperimentDocument
from evaluation.scenarios import ScenarioFile
from evaluation.suites import SuiteFile
from nodes.bots.kinds import bots_file_model
from nodes.speakers.personas import Persona
from tests.servers.process import ROOT

FOLDER = ROOT / "docs" / "schemas"
SCHEMAS: dict[str, tuple[type[BaseModel], str]] = {
    "bots.json": (bots_file_model(), "Duologue: bots.yaml"),
    "comparison.json": (ComparisonDocument, "Duologue: two experiments compared"),
    "experiment.json": (ExperimentDocument, "Duologue: what an experiment found"),
    "persona.json": (Persona, "Duologue: a file of personas/"),
    "prices.json": (PricesFile, "Duologue: prices.yaml"),
    "scenario.json": (ScenarioFile, "Duologue: a file of scenarios/"),
    "suite.json": (SuiteFile, "Duologue: a file of suites/"),
}


def schema(name: str) -> str:
    model, title = SCHEMAS[name]
    told = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps({**told, "title": title}, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (FOLDER / name).write_text(schema(name), "utf-8")


if __name__ == "__main__":
    main()

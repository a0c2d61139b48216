"""The experiment document is closed, and its published schema says the same."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from evaluation.results import ExperimentDocument, Tally
from tests.unit.docs.schemas import schema

SAID = {"en": "Nothing was judged.", "vi": "Chưa có gì được chấm."}
SMALLEST: dict[str, Any] = {
    "generated_at": "2026-11-21T10:00:00Z",
    "experiment": {"id": "e", "status": "created", "created_at": "2026-11-21T10:00:00Z"},
    "suite": {
        "name": "s",
        "scenarios": [{"id": "a", "name": "A", "repeats": {"good": 0.9, "bad": 0.6, "max": 30}}],
        "bots": [{"id": "16", "name": "Robot"}],
    },
    "figures": {"tally": {}, "bots": [], "sentence": SAID},
    "cells": [
        {"scenario": "a", "bot": "16", "tally": {"pending": 30}, "rate": {"passed": 0, "judged": 0}}
    ],
}


def test_smallest_document_fits_model_and_schema() -> None:
    document = ExperimentDocument.model_validate(SMALLEST)
    jsonschema_rs.validate(json.loads(schema("experiment.json")), SMALLEST)
    jsonschema_rs.validate(json.loads(schema("experiment.json")), document.model_dump(mode="json"))


def test_a_field_that_is_unknown_is_refused() -> None:
    with pytest.raises(ValidationError):
        ExperimentDocument.model_validate({**SMALLEST, "verdict": "fine"})


def test_a_tally_counts_every_trial_once() -> None:
    assert Tally(passed=1, failed=2, unjudged=3, broken=4, skipped=5, pending=6).total == 21

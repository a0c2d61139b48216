"""docs/api.md leaves out no path, event, status, end reason or error."""

import re
from collections.abc import Iterator
from typing import get_args

from api.app import create_app
from api.problems import STATUS
from core.ends import EndReason, Status
from core.errors import SpeakerError
from core.events import EventName
from core.scenario import Scenario
from core.settings import Settings
from tests.servers.process import ROOT

TEXT = (ROOT / "docs" / "api.md").read_text("utf-8")
PATHS = create_app(Settings()).openapi()["paths"]


def operations() -> Iterator[str]:
    for path, methods in PATHS.items():
        yield from (f"{method.upper()} {path}" for method in methods)


def missing(names: Iterator[str] | list[str]) -> list[str]:
    return [name for name in names if f"`{name}`" not in TEXT]


def test_every_operation_is_named() -> None:
    assert missing(operations()) == []


def test_no_operation_is_made_up() -> None:
    named = set(re.findall(r"`((?:GET|POST|PATCH|DELETE|PUT) /[\w/{}.-]*)`", TEXT))
    assert named - {*operations(), "GET /openapi.json", "GET /docs"} == set()


def test_every_event_status_and_end_reason_is_named() -> None:
    assert missing([*get_args(EventName), *Status, *EndReason]) == []


def test_every_field_of_a_scenario_is_named() -> None:
    assert missing(list(Scenario.model_fields)) == []


def test_every_problem_is_named() -> None:
    codes = {kind.code.replace("_", "-") for kind in STATUS if kind is not SpeakerError}
    assert [code for code in codes if f"`urn:duologue:{code}`" not in TEXT] == []


def test_every_kind_of_fault_is_named() -> None:
    forms = ("…_{}", "bot_{}", "user_{}")
    kinds = SpeakerError.KINDS
    assert [k for k in kinds if not any(f"`{form.format(k)}`" in TEXT for form in forms)] == []

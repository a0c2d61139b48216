"""docs/configuration.md and the published schemas say what the code does."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.settings import Settings, variable
from nodes.bots.kinds import bots_file_model
from nodes.speakers.personas import Persona
from tests.servers.process import ROOT
from tests.unit.docs.schemas import FOLDER, SCHEMAS, schema

TEXT = (ROOT / "docs" / "configuration.md").read_text("utf-8")
_ROW = re.compile(r"^\| `((?:DUOLOGUE|OPENAI)_\w+)` \|([^|]*)\|([^|]*)\|", re.MULTILINE)


def default_of(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == []:
        return "none"
    plain = str(value).lower() if isinstance(value, bool) else value
    return f"`{plain:g}`" if isinstance(plain, float) else f"`{plain}`"


def range_of(field: FieldInfo) -> str:
    limits = {
        name: getattr(part, name)
        for part in field.metadata
        for name in ("gt", "ge", "le")
        if getattr(part, name, None) is not None
    }
    least = f"above {limits['gt']}, to" if "gt" in limits else f"{limits.get('ge')} to"
    if "le" in limits:
        return f"{least} {limits['le']}"
    if limits:
        return f"{limits['ge']} and more"
    choices = getattr(field.annotation, "__args__", ())
    words = [choice for choice in choices if isinstance(choice, str)]
    return ", ".join(f"`{word}`" for word in words)


def test_settings_table_is_true() -> None:
    told = {name: (value.strip(), range.strip()) for name, value, range in _ROW.findall(TEXT)}
    fields = Settings.model_fields.items()
    assert told == {variable(name): (default_of(field), range_of(field)) for name, field in fields}


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_the_codes(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == schema(name)


def examples() -> list[Any]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def as_json(value: Any) -> Any:
    """Keys that YAML reads as numbers are texts to a schema."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("at", "model", "name"), [(0, bots_file_model(), "bots.json"), (1, Persona, "persona.json")]
)
def test_example_fits_model_and_schema(at: int, model: type[BaseModel], name: str) -> None:
    model.model_validate(examples()[at])
    jsonschema_rs.validate(json.loads(schema(name)), as_json(examples()[at]))


@pytest.mark.parametrize("path", sorted(ROOT.glob("personas/*.yaml")), ids=lambda path: path.name)
def test_personas_that_ship_fit_the_schema(path: Path) -> None:
    jsonschema_rs.validate(json.loads(schema("persona.json")), yaml.safe_load(path.read_text()))


def test_schema_refuses_an_unknown_key() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(
            json.loads(schema("bots.json")), {"bots": {"1": {"kind": "demo", "delay": 1}}}
        )


def test_there_is_an_example_of_each_kind() -> None:
    kinds = {bot["kind"] for bot in examples()[0]["bots"].values()}
    assert kinds == {"webhook", "openai", "prompt", "langgraph", "demo"}


@pytest.mark.parametrize("definition", ["WebhookBot", "InitCall", "TurnCall", "PollCall"])
def test_every_key_of_a_webhook_is_named(definition: str) -> None:
    keys: Mapping[str, Any] = json.loads(schema("bots.json"))["$defs"][definition]["properties"]
    known = set(re.findall(r"`(\w+)`", TEXT)) | {"kind", "preset", "every_s"}
    assert set(keys) - known == set()

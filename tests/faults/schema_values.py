"""Hooks for schemathesis: values that this very server has, where the published schema is general.

The document is the same on every server, so it cannot name the bots, personas and limits of one.
Read from /info of the server in `SCHEMA_SERVER`, they take the place of "any text".
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

import schemathesis

REQUESTS = (
    "CreateConversation SimulateRequest ForkRequest SessionRequest ConversationChange "
    "NextLineRequest"
).split()
NULL = {"type": "null"}


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    info = read_json("/info")
    values, schemas = existing_values(info), raw_schema["components"]["schemas"]
    for name in REQUESTS:
        narrow(schemas[name]["properties"], values, info["limits"]["max_turns"])
    if not info["model"]:
        narrow(schemas["PersonaCheckRequest"]["properties"], {"user": ["scripted", None]}, 20)
    suites = [suite["suite"] for suite in read_json("/api/suites")["suites"]]
    schemas["ExperimentRequest"]["properties"]["suite"] = {"enum": suites}


def read_json(path: str) -> Any:
    with urlopen(os.environ["SCHEMA_SERVER"] + path) as answer:
        return json.load(answer)


def existing_values(info: Mapping[str, Any]) -> dict[str, list[Any]]:
    numbers = [int(id) for id in info["bots"] if id.isdecimal() and str(int(id)) == id]
    values: dict[str, list[Any]] = {
        "bot_id": [*numbers, *info["bots"]],
        "persona": [*info["personas"], None],
    }
    if not info["model"]:
        values |= {"user": ["scripted", "human", None], "bot_prompt": [None]}
        values |= {"seat": ["scripted", "human", None]}
    return values


def narrow(properties: dict[str, Any], values: Mapping[str, list[Any]], most: int) -> None:
    turns = properties.get("max_turns", {})
    for form in (turns, *turns.get("anyOf", ())):
        form.update(
            {name: min(form[name], most) for name in ("maximum", "default") if form.get(name)}
        )
    for name in values.keys() & properties.keys():
        before = properties[name]
        nullable = NULL in before.get("anyOf", ())
        fits = [value for value in values[name] if value is not None]
        kept = {key: before[key] for key in ("title", "description", "default") if key in before}
        properties[name] = {**kept, "enum": [*fits, *([None] if nullable else [])]}

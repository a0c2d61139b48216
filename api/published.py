"""The OpenAPI document: one for every server, whatever bots, personas and models it has.

A client generated from one server's document works with the next. What a server refuses beyond the
document (a bot that is not configured, more turns than its limit) it refuses with 422.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.documents import PREFER
from api.schemas import Problem

# A history as the old service took it: the JSON text of a list of lines.
_GAP = r"[ \t\n\r]*"
_INK = r"""(?:[^"\\\s\x00-\x1f]|\\["\\/])"""
_TEXT = rf"""(?:{_INK}| |\\[bfnrt]|\\u[0-9a-fA-F]{{4}})*"""
_ROLE = rf"""\"role\"{_GAP}:{_GAP}\"(?:user|assistant)\""""
_CONTENT = rf"""\"content\"{_GAP}:{_GAP}\"{_TEXT}{_INK}{_TEXT}\""""
_PAIR = rf"(?:{_ROLE}{_GAP},{_GAP}{_CONTENT}|{_CONTENT}{_GAP},{_GAP}{_ROLE})"
_LINE = rf"\{{{_GAP}{_PAIR}{_GAP}\}}"
_LIST = rf"^{_GAP}(?:\[{_GAP}(?:{_LINE}(?:{_GAP},{_GAP}{_LINE})*{_GAP})?\]{_GAP})?$"


def operation_id(route: APIRoute) -> str:
    """The function's name: short, and the same in every version."""
    return route.name


def publish(app: FastAPI) -> None:
    """Completes the app's document with what its models cannot say."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        schemas.setdefault("Problem", Problem.model_json_schema())
        for schema in schemas.values():
            _describe_history(schema.get("properties", {}).get("history", {}))
        for operation in (part for path in document["paths"].values() for part in path.values()):
            _describe_operation(operation)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_operation(operation: dict[str, Any]) -> None:
    """A body that may be left out is not null either; a run may be started without waiting."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    forms = [form for form in body.get("schema", {}).get("anyOf", ()) if form != {"type": "null"}]
    if len(forms) == 1:
        body["schema"] = forms[0]
    if "RunAccepted" in str(operation["responses"].get("202", {}).get("content")):
        operation.setdefault("parameters", []).append(PREFER)


def _describe_history(field: dict[str, Any]) -> None:
    for form in field.get("anyOf", ()):
        if form.get("type") == "string":
            form.update(pattern=_LIST, description="The JSON text of such a list.")

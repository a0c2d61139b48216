"""What bots.yaml writes in calls: `{{variables}}` to fill in, and dotted paths into replies."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from core.files import resolve_secrets

_WHOLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
MISSING = object()
"""What stands where a path leads nowhere."""


def find_path(data: Any, path: str) -> Any:
    """What stands at a dotted path; `*` is every item of a list that has what follows."""
    head, star, tail = path.partition("*")
    if star and (not head or head.endswith(".")):
        found = find_path(data, head[:-1]) if head else data
        if not isinstance(found, list):
            return MISSING
        rest = tail.removeprefix(".")
        each = [find_path(item, rest) if rest else item for item in found]
        return [item for item in each if item is not MISSING]
    for part in path.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return MISSING
    return data


def equal_json(found: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def fill_url(template: str, variables: Mapping[str, Any]) -> str:
    quoted = {name: quote(str(value), safe="") for name, value in variables.items()}
    return str(fill(resolve_secrets(template), quoted))


def encode_form(form: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    filled = fill_deep(dict(form), variables)
    return urlencode({name: value for name, value in filled.items() if value is not None}, True)


def add_query(url: str, query: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{encode_form(query, variables)}"


def fill(template: str, variables: Mapping[str, Any]) -> Any:
    """The template with its variables; a lone variable keeps its type.

    What no call has captured yet is null, or empty inside a text.
    """
    whole = _WHOLE.fullmatch(template)
    if whole:
        return variables.get(whole[1])
    return _WHOLE.sub(lambda match: to_text(variables.get(match[1])), template)


def to_text(value: Any) -> str:
    return "" if value is None else str(value)


def fill_deep(template: Any, variables: Mapping[str, Any]) -> Any:
    """`fill` for JSON; secrets are put in first, so that no speaker's text can name one."""
    if isinstance(template, str):
        return fill(resolve_secrets(template), variables)
    if isinstance(template, dict):
        return {key: fill_deep(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_deep(item, variables) for item in template]
    return template

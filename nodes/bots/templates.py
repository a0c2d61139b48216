"""What bots.yaml writes in calls: `{{variables}}` to fill in, and paths into replies."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import jsonpath

from core.files import resolve_secrets
from core.parts import Part
from nodes.speakers.protocol import TurnRequest

_WHOLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
MISSING = object()
"""What stands where a path leads nowhere."""


def check_path(path: str) -> str:
    """The path, if it is one. Raises `ValueError`."""
    if path.startswith("$"):
        try:
            _compile(path)
        except jsonpath.JSONPathError as error:
            raise ValueError(f"is no JSONPath: {error}") from None
    return path


@lru_cache(maxsize=1000)
def _compile(path: str) -> tuple[Any, bool]:
    """The JSONPath, and whether it leads to one value at most."""
    found = jsonpath.compile(path)
    return found, isinstance(found, jsonpath.JSONPath) and found.singular_query()


def _find_jsonpath(data: Any, path: str) -> Any:
    compiled, single = _compile(path)
    try:
        found = compiled.findall(data)
    except jsonpath.JSONPathError:
        return MISSING
    if single:
        return found[0] if found else MISSING
    return found


def find_path(data: Any, path: str) -> Any:
    """What stands at a path: dotted, or JSONPath where it begins with `$`.

    `*` in a dotted path is every item of a list that has what follows. A JSONPath that may lead to
    several values gives their list.
    """
    if path.startswith("$"):
        return _find_jsonpath(data, path)
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


def request_variables(ask: TurnRequest, key: str, greeting: str | None) -> dict[str, Any]:
    """What `{{…}}` in a call of this request stands for.

    `message` is the text that the chosen button sends, else the `line` as it was said; a button's
    value that is no text is the `payload`.
    """
    line = ask.text if ask.turn else greeting or ""
    choice = (ask.choice if ask.turn else None) or Part()
    value = choice.get("value")
    return {
        "conversation_id": ask.conversation_id,
        "message": value if isinstance(value, str) else choice.get("title", line),
        "line": line,
        "payload": None if isinstance(value, str) else value,
        "bot_id": ask.scenario.bot_id,
        "turn": ask.turn,
        "seed": ask.seed,
        "key": key,
        **{f"session.{name}": value for name, value in ask.session.items()},
    }


def fill_url(template: str, variables: Mapping[str, Any]) -> str:
    quoted = {name: quote(str(value), safe="") for name, value in variables.items()}
    return str(fill(resolve_secrets(template), quoted))


def encode_form(form: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    filled = fill_deep(dict(form), variables)
    return urlencode({name: value for name, value in filled.items() if value is not None}, True)


def encode_multipart(form: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[bytes, str]:
    """The form as multipart/form-data, and its content type. Lists are fields of one name."""
    filled = fill_deep(dict(form), variables)
    parts = [
        f'Content-Disposition: form-data; name="{_quote_name(name)}"\r\n\r\n{to_text(each)}\r\n'
        for name, value in filled.items()
        for each in (value if isinstance(value, list) else [value])
        if each is not None
    ]
    boundary = hashlib.sha256("".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
    body = "".join(f"--{boundary}\r\n{part}" for part in parts) + f"--{boundary}--\r\n"
    return body.encode(), f"multipart/form-data; boundary={boundary}"


def _quote_name(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


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

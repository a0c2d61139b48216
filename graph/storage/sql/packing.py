"""How columns that hold JSON are written and read."""

import json
from collections.abc import Sequence
from typing import Any

import orjson

_JSON = frozenset(("plan", "judge", "budget", "broken", "latencies", "spending"))


def pack(name: str, value: Any) -> Any:
    """The value as its column holds it; nothing for an empty list or mapping."""
    if name in _JSON:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
    return value


def unpack(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """The row's values by column."""
    values = dict(zip(names, row, strict=False))
    for name in _JSON & values.keys():
        values[name] = orjson.loads(values[name]) if values[name] else None
    return values

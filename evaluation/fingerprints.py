"""What a cell's figures depend on besides the bot, hashed part by part."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

PARTS = ("judge", "prompts", "criteria", "checks", "scenario", "persona", "simulator")
Fingerprint = dict[str, str]


def fingerprint(parts: Mapping[str, Any]) -> Fingerprint:
    """The hash of each part. Raises ValueError where one is missing or none of `PARTS`."""
    if set(parts) != set(PARTS):
        odd = sorted(set(parts) ^ set(PARTS))
        raise ValueError(f"a fingerprint is of {', '.join(PARTS)}; see {', '.join(odd)}")
    return {name: digest(parts[name]) for name in PARTS}


def digest(value: Any) -> str:
    """16 hex digits of any JSON value, whatever the order of its keys."""
    packed = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(packed).hexdigest()[:16]


def find_moved(base: Mapping[str, str], head: Mapping[str, str]) -> list[str]:
    """The parts that differ; empty where two cells are comparable."""
    return [name for name in PARTS if base.get(name) != head.get(name)]

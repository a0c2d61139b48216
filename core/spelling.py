"""What somebody may have meant: the nearest known word to one that is not known."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

_QUOTED = re.compile(r"'([^']*)'")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like `word`; None where none is."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def explain(model: type[BaseModel], error: ErrorDetails) -> str:
    """What pydantic found wrong, in plain words, with the nearest known word where one is near."""
    if error["type"] == "extra_forbidden":
        return _unknown_key(model, error["loc"])
    if error["type"] in ("literal_error", "enum"):
        return _unknown_value(error)
    return str(error["msg"]).removeprefix("Value error, ")


def nearest_key(model: type[BaseModel], loc: tuple[int | str, ...]) -> str | None:
    """The key of the model at `loc` that is most like the unknown one `loc` ends with."""
    known = {name for part in _models_at(model, loc[:-1]) for name in part.model_fields}
    return nearest(str(loc[-1]), known)


def _unknown_key(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known = sorted({name for part in _models_at(model, loc[:-1]) for name in part.model_fields})
    guess = nearest(str(loc[-1]), known)
    if guess:
        return f"not permitted here; did you mean {guess}?"
    return f"not permitted here; known are {', '.join(known)}"


def _unknown_value(error: ErrorDetails) -> str:
    expected = str(error.get("ctx", {}).get("expected", ""))
    guess = nearest(str(error.get("input")), _QUOTED.findall(expected))
    return f"should be {expected}" + (f"; did you mean {guess}?" if guess else "")


def _models_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[type[BaseModel]]:
    """The models that may stand at `loc`; what is no field (an index, a tag) is passed over."""
    here = {model}
    for part in loc:
        fields = [found.model_fields[part] for found in here if part in found.model_fields]
        below = {found for field in fields for found in _models_in(field.annotation)}
        here = below or here
    return here


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)

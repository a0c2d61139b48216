"""What somebody may have meant: the nearest known word to one that is not known."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, RootModel
from pydantic_core import ErrorDetails
from typing_extensions import is_typeddict

# Something that no regular expression, of whichever language, takes for blank.
INK = r"[^\s\x1c-\x1f\x85\ufeff]"
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
    if error["type"] == "string_pattern_mismatch" and error.get("ctx", {}).get("pattern") == INK:
        return "should not be blank"
    if error["type"] == "model_type":
        return "should be keys with values, as in `name: …`"
    return str(error["msg"]).removeprefix("Value error, ")


def nearest_key(model: type[BaseModel], loc: tuple[int | str, ...]) -> str | None:
    """The key of the model at `loc` that is most like the unknown one `loc` ends with."""
    return nearest(str(loc[-1]), _known_keys(model, loc))


def _unknown_key(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known = _known_keys(model, loc)
    guess = nearest(str(loc[-1]), known)
    if guess:
        return f"not permitted here; did you mean {guess}?"
    return f"not permitted here; known are {', '.join(known)}"


def _unknown_value(error: ErrorDetails) -> str:
    expected = str(error.get("ctx", {}).get("expected", ""))
    guess = nearest(str(error.get("input")), _QUOTED.findall(expected))
    return f"should be {expected}" + (f"; did you mean {guess}?" if guess else "")


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where `loc` ends."""
    return sorted({str(name) for part in _models_at(model, loc[:-1]) for name in _fields(part)})


def _models_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[type]:
    """The models that may stand at `loc`; what is no field (an index, a tag) is passed over."""
    is_root = issubclass(model, RootModel)
    here = set(_models_in(model.model_fields["root"].annotation)) if is_root else {model}
    for part in loc:
        fields = [_fields(found)[part] for found in here if part in _fields(found)]
        below = {found for field in fields for found in _models_in(field)}
        here = below or here
    return here


def _fields(model: type) -> dict[int | str, Any]:
    """The annotation of each field of a pydantic model, or of a dict that has types."""
    if issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    hints: dict[Any, Any] = get_type_hints(model)
    return hints


def _models_in(annotation: Any) -> Iterator[type]:
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if is_model or is_typeddict(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)

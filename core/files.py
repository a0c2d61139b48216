"""YAML files that users write: a mistake is told with file, line, key and reason."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.composer import ComposerError

from core.errors import ConfigError
from core.spelling import explain, nearest
from core.text import clean_deep

M = TypeVar("M", bound=BaseModel)
Loc = tuple[int | str, ...]
MOST_TOLD = 20
"""Mistakes of one file that are told at once."""
MOST_REPEATED = 100_000
"""Values that the aliases of one file may repeat."""
_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Loader(yaml.SafeLoader):
    """Takes a question mark in a text within braces, as YAML does and PyYAML does not:
    `{id: kind, ask: Is it kind?, must: false}`. Refuses a key that stands twice, where PyYAML
    takes the last.
    """

    _in_text = False

    def scan_plain(self) -> Any:
        self._in_text = True
        try:
            return super().scan_plain()
        finally:
            self._in_text = False

    def peek(self, index: int = 0) -> Any:
        char = super().peek(index)  # what decides where a text ends; the text itself is sliced
        return "x" if char == "?" and self._in_text else char

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            same = first.setdefault((key.tag, key.value), key)
            if same is not key:
                line = same.start_mark.line + 1
                problem = f"{key.value} stands twice here, first in line {line}"
                raise ComposerError(None, None, problem, key.start_mark)
        return node


def load(path: Path, model: type[M], prepare: Callable[[Any], Any] | None = None) -> M:
    """The file as a checked model; `prepare` may change its data first. Raises `ConfigError`."""
    tree, data = _read(path)
    data = clean_deep(data if data is not None else {})
    try:
        return model.model_validate(prepare(data) if prepare else data)
    except ValidationError as error:
        raise _locate_error(path, tree, model, error) from None


def read_data(path: Path) -> Any:
    """What stands in the file, unchecked. Raises `ConfigError`."""
    return clean_deep(_read(path)[1])


def _read(path: Path) -> tuple[yaml.Node | None, Any]:
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "is not YAML"
        raise ConfigError(reason, file=str(path), line=mark and mark.line + 1) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path)) from None
    except (ValueError, RecursionError) as error:  # a date with a 13th month, a thousand brackets
        raise ConfigError(f"is not YAML that can be used: {error}", file=str(path)) from None


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    """The text as the tree in which places are looked up, and as data."""
    loader = Loader(text)
    try:
        tree = loader.get_single_node()
        _require_bounded(tree)
        return tree, None if tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()


def _require_bounded(tree: yaml.Node | None) -> None:
    """Raises `ValueError` for aliases of aliases that come to more than anybody has written."""
    sizes: dict[int, int] = {}
    if tree is not None and _size(tree, sizes) - len(sizes) > MOST_REPEATED:
        raise ValueError(f"its aliases (*name) repeat more than {MOST_REPEATED:,} values")


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values it holds, each counted as often as it is repeated."""
    if id(node) not in sizes:
        sizes[id(node)] = 0
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in _iter_children(node))
    elif not sizes[id(node)]:
        raise ValueError("an alias (*name) stands in what it names")
    return sizes[id(node)]


def _iter_children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _locate_error(
    path: Path, tree: yaml.Node | None, model: type[BaseModel], error: ValidationError
) -> ConfigError:
    """All mistakes, each told once: pydantic has an error for every form that a value may have."""
    left = _drop_other_forms(tree, error.errors(include_url=False))
    told: list[tuple[str, int | None, list[str]]] = []
    while left and len(told) < MOST_TOLD:
        first = _most_telling(tree, left)
        one = _find_misspelt(left, first)
        line, key = _find_place(tree, one)
        told.append((explain(model, one), line, key))
        rest = (other for other in left if other not in (one, first))
        left = [other for other in rest if _is_apart(_find_place(tree, other)[1], key)]
    fault, *others = (
        ConfigError(reason, file=str(path), line=line, key=".".join(key))
        for reason, line, key in told
    )
    return fault.join(others)


def _drop_other_forms(tree: yaml.Node | None, errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the keys that another form of a value would need, where one form has all of its own
    keys: `{simulate: -2}` lacks no `say`.
    """
    values = [one["loc"] for one in errors if one["type"] not in _ABOUT_KEYS]
    return [
        one
        for one in errors
        if one["type"] not in _ABOUT_KEYS
        or not any(_is_other_form(tree, one["loc"], loc) for loc in values)
    ]


_ABOUT_KEYS = ("missing", "extra_forbidden")


def _is_other_form(tree: yaml.Node | None, loc: Loc, other: Loc) -> bool:
    """Whether two places part at the name of a form, and the file has the other one."""
    same = next((at for at, (a, b) in enumerate(zip(loc, other, strict=False)) if a != b), None)
    if same is None:
        return False
    depth = len(_line(tree, loc[:same])[1])
    forms = [len(_line(tree, place[: same + 1], keeps_last=False)[1]) for place in (loc, other)]
    return forms == [depth, depth] and len(_line(tree, other, keeps_last=False)[1]) > depth


def _find_place(tree: yaml.Node | None, error: ErrorDetails) -> tuple[int | None, list[str]]:
    line, known = _line(tree, error["loc"], keeps_last=error["type"] == "missing")
    return line, known or [str(part) for part in error["loc"]]


def _is_apart(key: Sequence[str], other: Sequence[str]) -> bool:
    """Whether neither of two places lies within the other."""
    return any(one != another for one, another in zip(key, other, strict=False))


def _most_telling(tree: yaml.Node | None, errors: list[ErrorDetails]) -> ErrorDetails:
    """The first error; of those for the forms that one value may have, the form that was meant."""
    loc = errors[0]["loc"]
    if not errors[0]["type"].endswith("_type") or str(loc[-1:]) == str(_line(tree, loc)[1][-1:]):
        return errors[0]
    forms = [error for error in errors if error["loc"][: len(loc) - 1] == loc[:-1]]
    return max(forms, key=lambda one: (len(one["loc"]), not one["type"].endswith("_type")))


def _find_misspelt(errors: list[ErrorDetails], first: ErrorDetails) -> ErrorDetails:
    """Where a key is missing and one beside it is nearly that key, what is wrong with that one."""
    for other in errors if first["type"] == "missing" else []:
        beside = other["loc"][:-1] == first["loc"][:-1]
        if other["type"] == "extra_forbidden" and beside:
            return other if nearest(str(other["loc"][-1]), [str(first["loc"][-1])]) else first
    return first


def fault_at(path: Path, loc: Loc, reason: str) -> ConfigError:
    """A mistake that shows only when files are taken together, told with its place in one."""
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, ValueError, yaml.YAMLError):
        tree = None
    line, _ = _line(tree, loc)
    return ConfigError(reason, file=str(path), line=line, key=".".join(map(str, loc)))


def _line(
    node: yaml.Node | None, loc: Loc, *, keeps_last: bool = True
) -> tuple[int | None, list[str]]:
    """The line of the deepest part of `loc` that the file has, and that part's path.

    A last part that the file lacks is a missing key, which is named, or else the name that
    pydantic gives to one of several forms, which says nothing to an author.
    """
    if node is None:
        return None, [str(part) for part in loc]
    line, path = node.start_mark.line + 1, []
    for part in loc:
        found = _child(node, part)
        if found is None:
            if keeps_last and part == loc[-1] and part != "[key]":
                path.append(str(part))
            continue
        line, node = found
        path.append(str(part))
    return line, path


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def find_secret_names(value: Any) -> set[str]:
    """The names of the environment variables that `value` refers to as `${NAME}`."""
    return {name for name, _ in find_secret_places(value)}


def find_secret_places(value: Any, loc: Loc = ()) -> Iterator[tuple[str, Loc]]:
    """Each `${NAME}` in `value`: the name, and the keys that lead to it."""
    if isinstance(value, str):
        yield from ((name, loc) for name in _SECRET.findall(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_secret_places(item, (*loc, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from find_secret_places(item, (*loc, at))


def check_secret_names(text: str) -> None:
    """Raises `ValueError` where a `${` begins no name of a variable: it would be sent as it is."""
    for begin in re.finditer(r"\$\{[^}]{0,40}\}?", text):
        if not _SECRET.match(text, begin.start()):
            raise ValueError(
                f"{begin[0]} names no environment variable; write ${{NAME}} with letters, "
                "digits and _"
            )


def resolve_secrets(value: str) -> str:
    """The text with each `${NAME}` replaced from the environment, looked up now."""
    return _SECRET.sub(lambda match: os.environ.get(match[1], ""), value)

"""Every mistake that a file of a model can have, made up from the model's JSON Schema: each key of
the wrong type, out of its range, missing, misspelt, or with a word that is not known.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel

Schema = dict[str, Any]
Path = tuple[str | int, ...]
Wrap = Callable[[Any], Any]
OF_ANOTHER_TYPE = {"string": "abc", "number": 3.5, "array": [[1]], "object": {"zz": 1}}
SMALLEST: dict[str, Any] = {"When": {"turn": 2}}
"""Valid values of models that ask for more than their schema tells."""
KNOWN_KEYS = {"behaviours": "tangent"}
"""A key of mappings whose keys the schema does not tell."""


class Mistake(NamedTuple):
    """A document with one mistake, where it is, and what has to be told of it."""

    name: str
    document: Any
    key: Path
    says: str

    @property
    def text(self) -> str:
        return str(yaml.safe_dump(self.document, allow_unicode=True, sort_keys=False))


def list_mistakes(model: type[BaseModel]) -> list[Mistake]:
    schema = model.model_json_schema()
    return list(_Maker(schema.get("$defs", {})).of_object(schema, (), lambda value: value))


def find_line(text: str, key: Path) -> int:
    """The line on which the deepest part of `key` stands that the text has."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in key:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(part)]
        else:
            found = [(node.value[int(part)], node.value[int(part)])]
        if not found:
            return line
        (place, node), *_ = found
        line = place.start_mark.line + 1
    return line


class _Maker:
    def __init__(self, models: dict[str, Schema]) -> None:
        self._models = models

    def of_object(self, schema: Schema, path: Path, wrap: Wrap) -> Iterator[Mistake]:
        whole = self._smallest(schema)
        for name, its in schema["properties"].items():
            place = (*path, name)
            yield from self.of_value(its, place, lambda v, n=name: wrap({**whole, n: v}))
            wrong = name + name[-1]
            yield Mistake(
                "misspelt", wrap({**whole, wrong: 1}), (*path, wrong), f"did you mean {name}?"
            )
        for name in schema.get("required", ()):
            left = {key: value for key, value in whole.items() if key != name}
            yield Mistake("missing", wrap(left), (*path, name), "required")

    def of_value(self, schema: Schema, path: Path, wrap: Wrap) -> Iterator[Mistake]:
        forms = self._forms(schema)
        yield from self._of_another_type(forms, path, wrap)
        for form in forms:
            yield from self._of_bounds(form, path, wrap)
            for word in self._words(form):
                yield Mistake("unknown", wrap(word + word[-1]), path, f"did you mean {word}?")
            if "properties" in form:
                yield from self.of_object(form, path, wrap)
            elif isinstance(form.get("additionalProperties"), dict):
                yield from self._of_mapping(form, path, wrap)
            if "items" in form:
                yield from self.of_value(form["items"], (*path, 0), lambda v: wrap([v]))

    def _of_another_type(self, forms: list[Schema], path: Path, wrap: Wrap) -> Iterator[Mistake]:
        types = {self._type(form) for form in forms}
        numbers = {"integer", "number"} & types
        for name, value in OF_ANOTHER_TYPE.items():
            if (
                name in types
                or (name == "number" and numbers)
                or (name == "object" and name in types)
            ):
                continue
            yield Mistake(f"{name} as", wrap(value), path, "")

    def _of_bounds(self, form: Schema, path: Path, wrap: Wrap) -> Iterator[Mistake]:
        said = "description" in form and form["description"].startswith("A regular expression")
        if said:
            yield Mistake("no expression", wrap("("), path, "not a regular expression")
        for bound, value in (("minimum", -1), ("maximum", 1)):
            if bound in form:
                yield Mistake(bound, wrap(form[bound] + value), path, f"{form[bound]:g}")
        if form.get("minLength"):
            yield Mistake("minLength", wrap(""), path, f"at least {form['minLength']}")
        if "maxLength" in form:
            most = form["maxLength"]
            yield Mistake("maxLength", wrap("x" * (most + 1)), path, f"at most {most}")
        if form.get("minItems"):
            yield Mistake("minItems", wrap([]), path, f"at least {form['minItems']}")
        if "maxItems" in form:
            most, item = form["maxItems"], self._valid(form["items"])
            yield Mistake("maxItems", wrap([item] * (most + 1)), path, f"at most {most}")

    def _of_mapping(self, form: Schema, path: Path, wrap: Wrap) -> Iterator[Mistake]:
        names = self._words(form.get("propertyNames", {}))
        for name in names:
            wrong = name + name[-1]
            value = self._valid(form["additionalProperties"])
            yield Mistake("misspelt", wrap({wrong: value}), (*path, wrong), f"did you mean {name}?")
        key = names[0] if names else KNOWN_KEYS.get(str(path[-1]), "x")
        yield from self.of_value(
            form["additionalProperties"], (*path, key), lambda v: wrap({key: v})
        )

    def _forms(self, schema: Schema) -> list[Schema]:
        """The forms that a value may have, without null."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._forms({**self._models[name], "title": name})
        found = [form for one in schema.get("anyOf", ()) for form in self._forms(one)]
        return found or ([] if schema.get("type") == "null" else [schema])

    def _type(self, form: Schema) -> str:
        return str(form.get("type") or ("string" if self._words(form) else "object"))

    def _words(self, form: Schema) -> list[str]:
        return [
            str(word) for word in form.get("enum") or ([form["const"]] if "const" in form else [])
        ]

    def _smallest(self, schema: Schema) -> dict[str, Any]:
        if schema.get("title") in SMALLEST:
            return dict(SMALLEST[schema["title"]])
        its = schema["properties"]
        return {name: self._valid(its[name]) for name in schema.get("required", ())}

    def _valid(self, schema: Schema) -> Any:
        form = self._forms(schema)[0]
        if words := self._words(form):
            return words[0]
        if "properties" in form:
            return self._smallest(form)
        usual = {"string": "abc", "integer": 1, "number": 0.1, "boolean": True}
        if self._type(form) == "array":
            return [self._valid(form["items"])] * form.get("minItems", 0)
        return usual.get(self._type(form), {})

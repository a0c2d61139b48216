"""How bots.yaml says where buttons, pictures and the like stand in an answer, and their reading."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple, get_args

from pydantic import AfterValidator, Field, model_validator

from core.errors import BotError
from core.parts import Part, PartKind
from core.text import clean, clean_deep
from nodes.bots.config import Config, Path_
from nodes.bots.replies import check_test, find_bubbles, passes_test
from nodes.bots.templates import MISSING, find_path
from nodes.speakers.protocol import Reply

MAX_PARTS = 100
LONGEST_TEXT, LONGEST_VALUE = 2000, 4000
Places = Path_ | list[Path_]
Tests = dict[Path_, Annotated[Any, AfterValidator(check_test)]]


class PartRule(Config):
    """Parts of one kind: which values of a message they are, and where their texts stand."""

    kind: PartKind
    each: Path_ | None = Field(
        None, description="The list of them in the message; without it the message itself is one."
    )
    when: Tests = Field({}, description="Only those that pass: path → value, or a test of it.")
    title: Places = Field([], description="In each of them: what a person reads.")
    text: Places = []
    src: Places = Field([], description="Its URL.")
    value: Places = Field([], description="What is sent in place of the title when it is chosen.")

    @model_validator(mode="after")
    def _names_something(self) -> "PartRule":
        if self.kind != "typing" and not (self.title or self.text or self.src or self.value):
            raise ValueError(f"where does the {self.kind} stand? give title, text, src or value")
        return self


class Bubble(NamedTuple):
    """One message of the bot's: its text, which may be empty, and what it holds besides."""

    text: str
    parts: tuple[Part, ...] = ()

    @property
    def says_something(self) -> bool:
        return bool(self.text.strip()) or any(part["kind"] != "typing" for part in self.parts)


class Finder:
    """Finds bubbles in answers: by `messages`, `reply` and `parts` of one call of bots.yaml."""

    def __init__(
        self, reply: Places, rules: Sequence[PartRule] = (), messages: str | None = None
    ) -> None:
        self._reply, self._rules, self._messages = reply, rules, messages

    def find(self, data: Any) -> list[Bubble] | None:
        """What is said in the answer; None where no path leads to anything. Raises `BotError`."""
        if self._messages is None:
            return self._find_in(data)
        items = find_path(data, self._messages)
        if items is MISSING:
            return None
        found = [self._find_in(item) for item in (items if isinstance(items, list) else [items])]
        return [bubble for bubbles in found for bubble in bubbles or []]

    def find_parts(self, data: Any) -> list[Part]:
        """What the answer, or one event of it, holds besides text. Raises `BotError`."""
        return [part for rule in self._rules for part in _find_parts(rule, data)]

    def _find_in(self, message: Any) -> list[Bubble] | None:
        parts = self.find_parts(message)
        if any(part["kind"] == "typing" for part in parts) and self._messages is not None:
            return [Bubble("", (Part(kind="typing"),))]  # its text, if any, is a preview
        texts = find_bubbles(self._reply, message) if self._reply else None
        if not parts:
            return None if texts is None else [Bubble(text) for text in texts]
        *before, last = texts or [""]
        return [*map(Bubble, before), Bubble(last, tuple(parts))]


def join_typing(bubbles: Iterable[Bubble]) -> list[Bubble]:
    """The bubbles in which something is said; that the bot was typing is noted at the next one.

    Raises `BotError` where there are more parts than anybody reads.
    """
    said: list[Bubble] = []
    typing: tuple[Part, ...] = ()
    for bubble in bubbles:
        if bubble.says_something:
            said.append(Bubble(bubble.text, typing + bubble.parts))
            typing = ()
        elif bubble.parts:
            typing = bubble.parts[:1]
    count = sum(len(bubble.parts) for bubble in said)
    if count > MAX_PARTS:
        what = f"a reply has {count:,} buttons and the like; at most {MAX_PARTS} are taken"
        raise BotError("too_large", what)
    return said


def require_bubbles(
    bubbles: list[Bubble] | None, reply: str | list[str], address: str
) -> list[Bubble]:
    """Those in which something is said. Raises `BotError` where there are none."""
    if bubbles is None:
        where = reply if isinstance(reply, str) else reply[-1]
        raise BotError("bad_reply", f"{address} sent no text at {where}", url=address)
    if said := join_typing(bubbles):
        return said
    raise BotError("empty", f"{address} sent an empty message", url=address)


def make_reply(bubbles: Sequence[Bubble], ended: bool, session: dict[str, Any] | None) -> Reply:
    parts = [bubble.parts for bubble in bubbles] if any(b.parts for b in bubbles) else ()
    return Reply([bubble.text for bubble in bubbles], ended, session=session or None, parts=parts)


def read_parts(data: Any) -> list[Part]:
    """Parts that a bot's own code gives, each a dict with `kind`. Raises `ValueError`."""
    if not isinstance(data, list):
        raise ValueError("parts is no list")  # noqa: TRY004 - the caller tells all alike
    return [_read_part(item) for item in data]


def _read_part(data: Any) -> Part:
    kinds = get_args(PartKind)
    kind: Any = data.get("kind") if isinstance(data, dict) else None
    if kind not in kinds:
        raise ValueError(f"a part is a dict whose kind is one of {', '.join(kinds)}")
    return _make_part(kind, {name: data.get(name, MISSING) for name in _FIELDS})


def _find_parts(rule: PartRule, message: Any) -> list[Part]:
    found = message if rule.each is None else find_path(message, rule.each)
    if found is MISSING or found is None:
        return []
    items = found if isinstance(found, list) and rule.each is not None else [found]
    made = [_read_by_rule(rule, item) for item in items if _passes(rule, item)]
    return [part for part in made if part.keys() != {"kind"} or rule.kind == "typing"]


def _passes(rule: PartRule, item: Any) -> bool:
    return all(passes_test(find_path(item, path), wanted) for path, wanted in rule.when.items())


def _read_by_rule(rule: PartRule, item: Any) -> Part:
    places = {"title": rule.title, "text": rule.text, "url": rule.src, "value": rule.value}
    return _make_part(rule.kind, {name: _find_first(item, at) for name, at in places.items()})


def _find_first(item: Any, places: str | list[str]) -> Any:
    for path in [places] if isinstance(places, str) else places:
        found = find_path(item, path)
        if found is not MISSING and found is not None and found != "":
            return found
    return MISSING


_FIELDS = ("title", "text", "url", "value")


def _make_part(kind: PartKind, found: dict[str, Any]) -> Part:
    part = Part(kind=kind)
    if title := _to_text(found["title"]):
        part["title"] = title
    if text := _to_text(found["text"]):
        part["text"] = text
    if isinstance(found["url"], str) and found["url"].strip():
        part["url"] = _shorten_url(clean(found["url"].strip()))
    if found["value"] is not MISSING and found["value"] is not None:
        part["value"] = _check_size(clean_deep(found["value"]), kind)
    return part


def _to_text(found: Any) -> str:
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    text = clean(str(found)).strip()
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _shorten_url(url: str) -> str:
    """A picture that stands in its URL is not kept, only that it was there."""
    if url[:5].lower() == "data:":
        return f"{url[:100].partition(',')[0]},…"
    return url if len(url) <= LONGEST_TEXT else f"{url[: LONGEST_TEXT - 1]}…"


def _check_size(value: Any, kind: str) -> Any:
    if len(json.dumps(value, ensure_ascii=False)) > LONGEST_VALUE:
        what = f"the value of a {kind} is longer than {LONGEST_VALUE:,} characters"
        raise BotError("too_large", what)
    return value

"""What a webhook says of an end, and the body that a template makes of it."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from core.errors import ConfigError
from core.spelling import nearest
from graph.storage.sql.deliveries import Delivery
from nodes.bots.templates import fill_deep

_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


class Links(BaseModel):
    """Where more of it is: as JSON, and as a page for people (an experiment has none)."""

    api: str
    page: str | None = None


class ConversationEnded(BaseModel):
    """A run has ended, and nothing goes on by itself."""

    type: Literal["conversation.ended"] = "conversation.ended"
    delivery: str
    """The same for each attempt: who got it twice can tell."""
    title: str
    id: str
    status: Literal["completed", "stopped", "interrupted"]
    reason: str | None
    turns: int
    duration_s: float
    """Since the conversation was made."""
    ended_at: str
    bot_id: str
    error: dict[str, Any] | None
    links: Links


class ExperimentEnded(BaseModel):
    """An experiment has ended."""

    type: Literal["experiment.ended"] = "experiment.ended"
    delivery: str
    title: str
    id: str
    status: str
    reason: str | None
    suite: str
    trials: int
    exit_code: int | None
    duration_s: float
    """Since its first trial began."""
    ended_at: str
    links: Links


Ended = ConversationEnded | ExperimentEnded


def describe(delivery: Delivery, base: str) -> Ended:
    """The payload; `base` is where people reach this server."""
    facts = dict(delivery.facts)
    seconds = _seconds_between(facts.pop("began_at"), facts["ended_at"])
    known = {**facts, "delivery": delivery.id, "id": delivery.subject, "duration_s": seconds}
    if delivery.kind == "experiment.ended":
        links = Links(api=f"{base}/api/experiments/{delivery.subject}")
        return ExperimentEnded(**known, title=_title_experiment(known), links=links)
    api = f"{base}/api/conversations/{delivery.subject}"
    links = Links(api=api, page=f"{base}/ui/?thread={delivery.subject}")
    return ConversationEnded(**known, title=_title_conversation(known), links=links)


def _title_conversation(facts: Mapping[str, Any]) -> str:
    why = (facts.get("error") or {}).get("error") or facts["reason"] or ""
    told = f"{_count(facts['turns'], 'turn')}, {facts['duration_s']:.0f} s"
    begin = f"Conversation {facts['id'][:8]} with bot {facts['bot_id']}: {facts['status']}"
    return f"{begin} after {told}" + (f" ({why})" if why else "")


def _title_experiment(facts: Mapping[str, Any]) -> str:
    code = "" if facts["exit_code"] is None else f", exit code {facts['exit_code']}"
    begin = f"Experiment {facts['id'][:8]} of {facts['suite']}: {facts['status']}"
    return f"{begin}, {_count(facts['trials'], 'trial')}, {facts['duration_s']:.0f} s{code}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _seconds_between(began: str, ended: str) -> float:
    spent = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    return round(max(spent.total_seconds(), 0.0), 3)


# --- a body of one's own --------------------------------------------------------------------------


def read_template(path: Path) -> Any:
    """The JSON of a template. Raises `ConfigError` for what is no JSON or names no fact."""
    try:
        template = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"is no JSON that can be read: {error}", file=str(path)) from None
    for name in _names(template):
        if name not in KNOWN:
            guess = nearest(name, KNOWN)
            hint = f"did you mean {guess}?" if guess else f"there are: {', '.join(sorted(KNOWN))}"
            raise ConfigError(f"{{{{{name}}}}} is no fact of an end; {hint}", file=str(path))
    return template


def fill_template(template: Any, ended: Ended) -> Any:
    """The template with the facts of an end; one that this kind of end lacks is null or empty."""
    return fill_deep(template, dict(_flatten(ended.model_dump(mode="json"))))


def _flatten(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _names(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from _VARIABLE.findall(template)
    elif isinstance(template, dict):
        for part in template.values():
            yield from _names(part)
    elif isinstance(template, list):
        for part in template:
            yield from _names(part)


KNOWN = {
    *(name for kind in (ConversationEnded, ExperimentEnded) for name in kind.model_fields),
    *(f"links.{name}" for name in Links.model_fields),
    *(f"error.{name}" for name in ("code", "error", "where")),
} - {"links", "error"}

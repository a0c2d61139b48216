"""What `duologue run` is asked for, as a scenario."""

import json
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pydantic import RootModel, TypeAdapter, ValidationError

from core.errors import ConfigError, Invalid
from core.files import load
from core.scenario import MAX_HISTORY, HistoryLine, PlannedLine, Scenario
from core.settings import Settings
from core.text import clean_deep
from nodes.speakers.personas import Persona

_OPTIONS = {"bot_id": "--bot", "max_turns": "--turns", "time_limit_s": "--time-limit"}
_TAKEN_OVER = (
    "bot_prompt", "user_prompt", "user", "first_speaker", "initial_message", "soft_turns",
    "token_limit",
)  # fmt: skip


def option_name(field: str) -> str:
    """The option that a scenario's field is given with."""
    return _OPTIONS.get(field, "--" + field.replace("_", "-"))


def build_scenario(options: Namespace, settings: Settings, persona: str | None) -> Scenario:
    """Raises `Invalid` naming the option, `ConfigError` naming the place in a file."""
    if options.turns > settings.max_turns:
        raise Invalid(f"at most {settings.max_turns} are allowed here", "max_turns")
    asked: dict[str, Any] = {name: getattr(options, name) for name in _TAKEN_OVER}
    asked |= {
        "bot_id": options.bot,
        "max_turns": options.turns,
        "time_limit_s": options.time_limit,
        "persona": persona,
        "history": load_history(options.history) if options.history else None,
        "lines": load_lines(Path(options.lines)) if options.lines else None,
    }
    return _validate({name: value for name, value in asked.items() if value is not None})


def _validate(asked: dict[str, Any]) -> Scenario:
    try:
        return Scenario(**clean_deep(asked))
    except ValidationError as error:
        # The last one: an id is tried as a number first, and what it lacks as a name says more.
        last = error.errors(include_url=False, include_input=False)[-1]
        raise Invalid(str(last["msg"]), str(last["loc"][0])) from None


# --- personas -------------------------------------------------------------------------------------


def load_persona(given: str | None) -> tuple[str | None, Persona | None]:
    """The id that was given; where it was a file, the id that its name makes, and what it says."""
    if given is None or not _is_file(given):
        return given, None
    path = Path(given)
    return re.sub(r"[^\w.-]+", "-", path.stem)[:100] or "persona", load(path, Persona)


def _is_file(given: str) -> bool:
    return given.endswith((".yaml", ".yml")) or Path(given).name != given


# --- lines and history ----------------------------------------------------------------------------


class PlannedLines(RootModel[list[PlannedLine]]):
    """A file with the user's lines."""


def load_lines(path: Path) -> list[PlannedLine]:
    """The lines in a YAML file. Raises `ConfigError` with the file, the line and the key."""
    return load(path, PlannedLines).root


def load_history(given: str) -> list[dict[str, str]]:
    """The lines in a JSON file. Raises `ConfigError` with the file, the line and the key."""
    name = "stdin" if given == "-" else given
    text = _read_text(given, name)
    try:
        lines = TypeAdapter(list[HistoryLine]).validate_python(clean_deep(json.loads(text)))
    except json.JSONDecodeError as error:
        raise ConfigError(f"is not JSON: {error.msg}", file=name, line=error.lineno) from None
    except RecursionError:
        raise ConfigError("is nested too deeply", file=name) from None
    except ValidationError as error:
        raise _explain(error, name, text) from None
    if len(lines) > MAX_HISTORY:
        raise ConfigError(f"has more than {MAX_HISTORY} lines", file=name)
    return [line.model_dump() for line in lines]


def _read_text(given: str, name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if given == "-" else Path(given).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), file=name, key="--history") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8: {error.reason}", file=name, key="--history") from None


def _explain(error: ValidationError, name: str, text: str) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    loc, line = first["loc"], None
    if loc and isinstance(loc[0], int):
        line = _line_of_item(text, loc[0])
    return ConfigError(first["msg"], file=name, line=line, key=".".join(map(str, loc)))


def _line_of_item(text: str, index: int) -> int:
    """The line on which the item with that index begins; `text` is a JSON list."""
    decoder, place = json.JSONDecoder(), _skip_space(text, text.index("[") + 1)
    for _ in range(index):
        _, end = decoder.raw_decode(text, place)
        place = _skip_space(text, text.index(",", end) + 1)
    return text.count("\n", 0, place) + 1


def _skip_space(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place

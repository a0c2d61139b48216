"""Structured logs: one JSON line per event that matters, never a message's text at INFO."""

import logging
import os
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import orjson

from core.errors import ConfigError
from core.files import find_secret_names
from core.settings import Settings, variable
from core.text import escape_json_for_terminal
from nodes.bots.config import read_bots

log = logging.getLogger("duologue.runs")
_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """time, level, event, and the facts given as `extra`. Configured secrets become ***."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= 4]

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _KNOWN},
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        text = orjson.dumps(line, default=str).decode()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return escape_json_for_terminal(text)


def collect_secrets(settings: Settings) -> list[str]:
    """What must never stand in a log line. Raises `ConfigError` for a bad file of bots."""
    bots = read_bots(settings.bots).values()
    names = {name for bot in bots for name in find_secret_names(bot.model_dump())}
    values = [os.environ.get(name, "") for name in names]
    keys = [*settings.api_keys, *settings.client_keys.values()]
    values += [key.get_secret_value() for key in keys]
    if settings.openai_api_key:
        values.append(settings.openai_api_key.get_secret_value())
    return [value for value in values if value]


def set_up(settings: Settings, *, aloud: bool = True) -> None:
    """Logs go to stderr where that is free for them, and to a file where one is set.

    Raises `ConfigError`.
    """
    secrets = collect_secrets(settings)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if aloud else []
    if settings.log_file:
        handlers.append(_rotating(settings.log_file))
    root = logging.getLogger("duologue")
    root.handlers = handlers
    root.propagate = False
    root.setLevel(settings.log_level)
    for handler in handlers:
        handler.setFormatter(JsonFormatter(secrets))
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = handlers, False
        logger.setLevel("WARNING")


def _rotating(file: Path) -> logging.Handler:
    """10 MB, five kept."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(file, maxBytes=10_000_000, backupCount=5, encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(error), file="environment", key=variable("log_file")) from None


def watch(what: str, id: str, facts: dict[str, Any]) -> None:
    """What the runs report, as log lines."""
    if what == "message":
        told = {name: facts.get(name) for name in ("role", "turn", "origin", "latency_ms")}
        log.debug("message", extra={"conversation_id": id, **told})
    elif what == "retry":
        told = {name: facts.get(name) for name in ("where", "code", "wait_s", "attempt")}
        log.warning("retry", extra={"conversation_id": id, **told})
    elif what in ("run_started", "run_ended"):
        error = facts.get("error") or {}
        told = {name: value for name, value in facts.items() if name != "error"}
        code = {"code": error["code"], "cause": error["error"]} if error else {}
        level = logging.WARNING if error else logging.INFO
        log.log(level, what.replace("_", " "), extra={"conversation_id": id, **told, **code})

"""The one edge between a caller who does not wait and our event loop."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from core.settings import Settings

T = TypeVar("T")


def run_in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns or raises. In a thread of its own: the caller's may have a loop."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="duologue")
    thread.start()
    thread.join()
    if errors:
        raise unwrap(errors[0])
    return results[0]


def unwrap(error: BaseException) -> BaseException:
    """The error that task groups have wrapped."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def read_settings(folder: Path, database: Path | None = None, **changes: Any) -> Settings:
    """The settings of a project folder; `database` is a file, else as the environment says."""
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
    found = Settings.from_env(os.environ, resume_on_start=False, **changes)
    url = f"sqlite:///{database}" if database else found.database_url
    if database is None and url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = f"sqlite:///{folder.resolve() / url.removeprefix('sqlite:///')}"
    changed = {
        "database_url": url,
        "bots": folder / found.bots,
        "personas": folder / found.personas,
    }
    return found.model_copy(update=changed)

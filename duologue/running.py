"""The one edge between a caller who does not wait and our event loop."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from core.settings import Settings

T = TypeVar("T")


def run_in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns or raises. In a thread of its own: the caller's may have a loop."""
    with ThreadPoolExecutor(1, "duologue") as threads:
        future = threads.submit(lambda: asyncio.run(work()))
        if error := future.exception():
            raise unwrap(error)
        return future.result()


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

"""One tree of errors. They carry facts and know no HTTP; the API maps them in one table."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

Where = Literal["bot", "user", "judge", "server"]


class DuologueError(Exception):
    """Something went wrong in Duologue."""

    code: str = "internal"
    where: Where = "server"
    retryable: bool = False

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class Invalid(DuologueError):
    """What was asked for does not fit."""

    code = "invalid"

    def __init__(self, message: str, field: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.field = field


class ConfigError(DuologueError):
    """The configuration cannot be used. `others` are further mistakes of the same file."""

    code = "config"

    def __init__(self, reason: str, *, file: str = "", line: int | None = None, key: str = ""):
        place = f"{file}:{line}" if file and line else file
        super().__init__(": ".join(part for part in (place, key, reason) if part))
        self.file, self.line, self.key, self.reason = file, line, key, reason
        self.others: tuple[ConfigError, ...] = ()

    def join(self, others: Iterable["ConfigError"]) -> "ConfigError":
        """This mistake with further ones, each of which has a line of its own in the message."""
        self.others = tuple(others)
        self.message = "\n".join(one.message for one in (self, *self.others))
        self.args = (self.message,)
        return self


class NotFound(DuologueError):
    """There is no such thing."""

    code = "not_found"


class Forbidden(DuologueError):
    """The conversation belongs to another client."""

    code = "forbidden"


class Busy(DuologueError):
    """The conversation has a run already."""

    code = "busy"
    retryable = True


class Conflict(DuologueError):
    """The conversation's state does not allow that."""

    code = "conflict"


class KeyReused(DuologueError):
    """The Idempotency-Key was used with another body."""

    code = "idempotency_key_reused"


class Full(DuologueError):
    """As many runs are open as are allowed."""

    code = "limit"
    retryable = True


class Stopping(DuologueError):
    """The server is stopping and starts nothing new."""

    code = "stopped"
    retryable = True


class StorageError(DuologueError):
    """The database failed; what was said before is kept."""

    code = "storage"
    retryable = True


class StorageFull(StorageError):
    """The disk is full; nothing more can be stored until there is room."""

    code = "storage_full"


class Overtaken(StorageError):
    """Another process drives the conversation now; nothing more of it is written here."""


class Damaged(StorageError):
    """What is stored of the conversation cannot be read."""

    retryable = False


class NewerDatabase(StorageError):
    """The database was written by a newer Duologue."""

    retryable = False


class SpeakerError(DuologueError):
    """A speaker failed: the bot under test, or the simulated user's model.

    `kind` is one of the closed list in `KINDS`; `code` is the speaker's prefix and the kind.
    `transient` says that the same call may succeed a moment later, `retryable` that a resume
    may help though nothing is configured anew, `retry_after` (seconds) is what the other side
    asked for, `unheard` that it certainly did not take in what was said, `facts` hold what a
    person needs to find the cause.
    """

    KINDS: ClassVar[frozenset[str]] = frozenset(
        "timeout unreachable http_error bad_content_type bad_json bad_reply empty status "
        "too_large encoding init truncated refused unrecorded".split()
    )

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        transient: bool = False,
        retryable: bool = True,
        retry_after: float | None = None,
        unheard: bool = False,
        **facts: Any,
    ) -> None:
        if kind not in self.KINDS:
            raise ValueError(f"unknown kind of speaker error: {kind}")
        super().__init__(message, **facts)
        self.kind, self.transient, self.retry_after = kind, transient, retry_after
        self.retryable, self.unheard = retryable, unheard

    @property
    def code(self) -> str:  # type: ignore[override]
        return f"{self.where}_{self.kind}"


class BotError(SpeakerError):
    """The bot under test failed."""

    where = "bot"


class UserError(SpeakerError):
    """The simulated user's model failed."""

    where = "user"

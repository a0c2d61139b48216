"""What the engine asks of a database, whichever it is: SQLite, or the twin in memory.

One suite of tests holds all of them to it: tests/contract.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver

from graph.storage.conversation import Conversation

DescribeCrashes = Callable[[int, int], dict[str, Any] | None]


def no_description(_crashes: int, _deaths: int) -> None:
    """However often processes died at it, the conversation goes on."""


class OwnerOfRuns(Protocol):
    """This process, and whether others live."""

    id: str

    def is_alive(self, owner: str) -> bool: ...


class Checkpoints(BaseCheckpointSaver[Any]):
    """A saver that stores the writes of a step with its checkpoint, in one transaction.

    Every write raises `Overtaken` where another process has claimed the conversation meanwhile.
    """

    async def settle(self, thread_id: str) -> None:
        """Stores what a run left without a checkpoint after it: interrupts, answers, errors."""
        raise NotImplementedError


class Catalogue(Protocol):
    """The rows of conversations; each change is one transaction.

    A claim gives this process the conversation until it is released. Every change raises
    `Overtaken` where another process has claimed it meanwhile, or drives it.
    """

    damaged: dict[str, str]
    """Conversations that could not be read, with the reason, by id."""

    async def find_damaged(self) -> None:
        """Reads all rows, so that `damaged` has each that cannot be read."""

    async def find_by_key(self, key: str, body: str) -> str | None:
        """The conversation that was made with this Idempotency-Key. Raises `KeyReused`."""

    async def get(self, id: str) -> Conversation:
        """Raises `NotFound`, and `Damaged` for a row that cannot be read."""
        ...

    async def list_page(
        self, limit: int, before: int | None = None, **filters: str | None
    ) -> tuple[list[Conversation], int | None]:
        """Newest first, and the cursor of the next page if there is one; a filter "" means none."""
        ...

    async def list_children(self, id: str) -> list[str]:
        """The forks of a conversation, oldest first; the replays of a shrink are none."""
        ...

    async def list_replays(self, id: str) -> list[str]:
        """The conversations that shrinking this one made."""
        ...

    async def count_by_status(self) -> dict[str, int]: ...

    async def claim(
        self,
        id: str,
        owner: str,
        is_alive: Callable[[str], bool],
        *,
        runs: int | None = None,
        only_orphaned: bool = False,
    ) -> Conversation:
        """Makes `owner` the one that drives it; the row as it stood before.

        Raises `NotFound`, `Busy` if another process drives it or if `runs` is not the count on
        disk, and with `only_orphaned` `Conflict` unless it stands as a process that died left it.
        """
        ...

    async def release(self, id: str, **changes: Any) -> None:
        """`update` that ends the claim: nobody drives it from now on."""

    async def update(self, id: str, **changes: Any) -> None:
        """Changes columns."""

    def update_later(self, id: str, **changes: Any) -> None:
        """`update` that waits for nothing; it is on disk with whatever is awaited next."""

    async def stop(self, id: str, is_driven: Callable[[Conversation], bool]) -> bool:
        """Writes `stopped`, unless it has ended or somebody drives it. Raises `NotFound`."""
        ...

    async def list_owners(self) -> list[str | None]:
        """Who drives the conversations that are `running`."""
        ...

    async def list_resumable(self) -> list[tuple[str, int]]:
        """Ids and `deaths` of what the end of a process interrupted, newest first.

        What broke waits for somebody instead, and trials go on with their experiment.
        """
        ...

    async def interrupt_orphans(
        self, is_alive: Callable[[str], bool], describe: DescribeCrashes = no_description
    ) -> list[Conversation]:
        """Conversations left `running` by an owner that is dead; they are `interrupted` now.

        Each has one more of `crashes` and of `deaths`; what `describe` makes of these is its error.
        """
        ...

    async def delete(self, id: str) -> None:
        """Everything of it is gone, its checkpoints and keys too."""

    async def read_last_look(self) -> str | None:
        """The time that `store_last_look` stored, or at which a conversation was last changed."""
        ...

    async def store_last_look(self, at: str) -> None: ...

    async def list_expired(self, before: str, now: str, limit: int) -> list[str]:
        """Conversations that have not changed since `before`, oldest first.

        Not those that run, that somebody labelled or that are trials of an experiment. Nor what
        was made after something that is younger than `before`: its times are a wrong clock's.
        """
        ...

    async def expire(self, id: str, before: str) -> Conversation | None:
        """Deletes what `list_expired` found if nothing happened to it meanwhile; gives its row."""
        ...


class ConversationStorage(Protocol):
    """The open database."""

    @property
    def checkpoints(self) -> Checkpoints: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def owner(self) -> OwnerOfRuns: ...

    async def create(
        self,
        row: Conversation,
        checkpoint: Callable[[], Awaitable[None]],
        key: str | None = None,
        body: str = "",
    ) -> str:
        """Stores a new conversation, and gives its id or the one that `key` stands for already.

        `checkpoint` writes its first state; that and the row are stored in one transaction. Raises
        `KeyReused` where the key came with another body.
        """
        ...

    async def check(self) -> None:
        """Raises `StorageError` where the database cannot be read, or lately not be written."""

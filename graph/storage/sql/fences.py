"""Who lost a conversation cannot write to it: every write shows the claim that it is made under."""

from collections.abc import Callable
from dataclasses import dataclass

from core.ends import Status
from core.errors import Overtaken
from graph.storage.port import OwnerOfRuns
from graph.storage.sql.statements import FOR_UPDATE, Connection

Fence = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class _Fence:
    conversation: str
    claim: int | None
    owner: OwnerOfRuns

    def __call__(self, connection: Connection) -> None:
        row = connection.execute(
            f"SELECT runs, owner, status FROM conversations WHERE id = ?{FOR_UPDATE}",
            (self.conversation,),
        ).fetchone()
        if self.claim is not None:
            lost = row is None or row[:2] != (self.claim, self.owner.id)
        else:
            lost = row is not None and row[2] == Status.RUNNING and self._is_another(row[1])
        if lost:
            raise Overtaken(conversation_id=self.conversation)

    def _is_another(self, owner: str | None) -> bool:
        return owner is not None and owner != self.owner.id and self.owner.is_alive(owner)


class Fences:
    """The claims that this process holds, by conversation."""

    def __init__(self, owner: OwnerOfRuns) -> None:
        self.owner = owner
        self._claims: dict[str, int] = {}

    def hold(self, id: str, claim: int) -> None:
        self._claims[id] = claim

    def drop(self, id: str) -> None:
        self._claims.pop(id, None)

    def of(self, id: str) -> Fence:
        """The check that a write to the conversation begins with; it runs in the writer's
        transaction and raises `Overtaken`.

        Without a claim of this process it lets pass what is written while nobody else drives.
        """
        return _Fence(id, self._claims.get(id), self.owner)

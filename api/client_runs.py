"""The runs as a client's key sees them: its own conversations, and nothing else."""

from typing import Any

from core.errors import Forbidden
from core.scenario import Scenario
from graph.runs.service import RunService
from graph.storage.conversation import Conversation


class ClientRuns:
    """Stands in the place of `RunService` for a key that is bound to a client.

    Routes ask `get` before they touch a conversation; what is not the client's is refused there,
    conversations that belong to nobody included. What is made belongs to the client.
    """

    def __init__(self, runs: RunService, client_id: str) -> None:
        self._runs = runs
        self._client_id = client_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    async def get(self, id: str, client_id: str | None = None) -> Conversation:
        """Raises `NotFound`, and `Forbidden` for whatever is not this client's."""
        row = await self._runs.get(id, self._choose(client_id))
        if row.client_id != self._client_id:
            raise Forbidden("the conversation belongs to another client")
        return row

    async def create(
        self,
        scenario: Scenario,
        *,
        client_id: str | None = None,
        key: str | None = None,
        **more: Any,
    ) -> str:
        # Idempotency keys of one client must not find the conversations of another.
        own = f"bound {self._client_id} {key}" if key and not key.startswith("alias ") else key
        return await self._runs.create(scenario, client_id=self._choose(client_id), key=own, **more)

    def _choose(self, client_id: str | None) -> str:
        if client_id not in (None, self._client_id):
            raise Forbidden("the key is bound to another client")
        return self._client_id

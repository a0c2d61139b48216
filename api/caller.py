"""Who sent a request, as far as API keys tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import Forbidden

SCOPE_KEY = "duologue.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` is for the log; `client_id` is set where the key is bound to that client."""

    name: str
    client_id: str | None = None
    is_administrator: bool = False

    def choose_client(self, asked: str | None) -> str | None:
        """The client that the request is for. Raises `Forbidden` where the key is another's."""
        if self.client_id is None:
            return asked
        if asked not in (None, self.client_id):
            raise Forbidden("the key is bound to another client")
        return self.client_id


def get_caller(scope: Mapping[str, Any]) -> Caller:
    caller: Caller = scope.get(SCOPE_KEY) or Caller("none")
    return caller

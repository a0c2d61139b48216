"""What the server has to offer: bots, personas, and what it takes where nothing is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ui.api_client import CONVERSATIONS, Api
from ui.directory import Directory
from ui.ready_scenarios import FEW
from ui.texts import Words

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Configuration:
    """As `/api/bots`, `/api/personas` and `/info` tell it."""

    bots: Sequence[Facts] = ()
    personas: Sequence[Facts] = ()
    info: Facts | None = None
    conversations: int = 0
    """How many there are, counted up to `FEW`."""

    @property
    def default_seat(self) -> str:
        return str((self.info or {}).get("user") or "")

    @property
    def default_persona(self) -> str:
        return str((self.info or {}).get("default_persona") or "")

    @property
    def has_model(self) -> bool:
        """Whether a model can play someone; assumed until the server was asked."""
        return self.info is None or bool(self.info.get("model"))

    def directory(self, words: Words) -> Directory:
        return Directory(
            words,
            {str(bot["bot_id"]): str(bot["name"]) for bot in self.bots},
            {str(one["persona"]): str(one["name"]) for one in self.personas},
            self.default_persona,
        )


async def fetch_configuration(api: Api) -> Configuration:
    """Raises `ApiError` and `Unreachable`."""
    kept = (await api.get(CONVERSATIONS, limit=FEW)).get("conversations", [])
    bots = (await api.get("/api/bots")).get("bots", [])
    personas = (await api.get("/api/personas")).get("personas", [])
    return Configuration(bots, personas, await api.get("/info"), len(kept))

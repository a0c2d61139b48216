"""What the indexing process is asked for: JSON on its standard input, since it holds secrets."""

import json
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """Where texts become vectors; `shown` is `url` as a person may see it."""

    url: str
    shown: str
    model: str
    key: str | None = None
    timeout_s: float = 30.0

    @property
    def address(self) -> str:
        return f"the embedding model {self.model} ({self.shown})"

    @property
    def space(self) -> str:
        """Vectors of one space can be compared."""
        return f"{self.model} {self.shown}"


@dataclass(frozen=True, slots=True)
class Rows:
    """A query and the database it is for; `url` with its secrets."""

    url: str
    query: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Patterns begin at `folder`; the index of what they mean is `target`."""

    folder: str
    patterns: list[str]
    target: str
    fingerprint: str = ""
    rows: Rows | None = None
    endpoint: EmbeddingEndpoint | None = None
    attempts: int = 3
    attempts_total_s: float = 55.0

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        given: dict[str, Any] = json.loads(data)
        given["rows"] = Rows(**given["rows"]) if given["rows"] else None
        given["endpoint"] = EmbeddingEndpoint(**given["endpoint"]) if given["endpoint"] else None
        return cls(**given)

    def to_identity(self) -> list[Any]:
        """What an index depends on besides the files and rows themselves; holds no secret."""
        rows = self.rows and [blake2b(self.rows.url.encode()).hexdigest(), self.rows.query]
        return [self.folder, self.patterns, rows, self.endpoint and self.endpoint.space]

    def with_fingerprint(self, fingerprint: str) -> "BuildRequest":
        return replace(self, fingerprint=fingerprint)

    @property
    def index(self) -> Path:
        return Path(self.target)

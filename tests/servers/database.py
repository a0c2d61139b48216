"""Which database the integration tests use: TEST_DATABASE=postgres, else SQLite."""

import os
from pathlib import Path

from tests.servers.postgres import PostgresServer

ON_POSTGRES = os.environ.get("TEST_DATABASE") == "postgres"


class Databases:
    """The database of a test is named by a file; on Postgres each name has a schema."""

    def __init__(self) -> None:
        self.server: PostgresServer | None = None
        self._urls: dict[Path, str] = {}

    def url(self, file: Path) -> str:
        """The same one for the same file, as for a server that restarts."""
        if self.server is None:
            return f"sqlite:///{file}"
        if file not in self._urls:
            self._urls[file] = self.server.new_schema()
        return self._urls[file]


databases = Databases()

"""A real Postgres, started for the tests that need one and gone with them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

REQUIRED = os.environ.get("TEST_DATABASE") == "postgres"
"""Where it is asked for, as in CI, it must be there; else these tests are told as not run."""
FOLDERS = Path("/usr/lib/postgresql")
USER = "postgres"
"""Postgres refuses to run as root; its package brings this user."""


def find_programs() -> Path:
    """The folder of initdb and pg_ctl, of the newest version that is installed."""
    found = sorted(FOLDERS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    beside = shutil.which("initdb")
    if not found and beside:
        found = [Path(beside)]
    if not found:
        text = "no Postgres here: apt-get install postgresql-15"
        (pytest.fail if REQUIRED else pytest.skip)(text)
    return found[-1].parent


class PostgresServer:
    """One server on a Unix socket in a folder of its own."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._user = USER if os.geteuid() == 0 else None

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def create(self) -> None:
        self.run(
            "initdb", "--pgdata=data", "--username=duologue", "--auth=trust", "--encoding=UTF8",
            "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "start", "-D", "data", "-w", "-t", "50", "-l", "log", "-o", options)

    def stop(self, how: str = "fast") -> None:
        self.run("pg_ctl", "stop", "-D", "data", "-w", "-m", how)

    def url(self, schema: str = "public") -> str:
        """A URL of the schema, which is an empty database of its own for whoever opens it."""
        return (
            f"postgresql://duologue@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"
        )

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def new_schema(self) -> str:
        """The URL of a new schema, which goes with the server."""
        name = f"t_{uuid4().hex}"
        self.sql(f"CREATE SCHEMA {name}")
        return self.url(name)


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        server = PostgresServer(folder, programs)
        server.create()
        server.start()
        try:
            yield server
        finally:
            with suppress(AssertionError):  # a test may have stopped it
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

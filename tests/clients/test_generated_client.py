"""A client that is generated from the published document holds a conversation.

The generator cannot live beside the product (both pin typer), so it has an environment of its own:
`make .venv-client/.client`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.examples.server import serving
from tests.servers.process import ROOT

CLIENT = ROOT / ".venv-client" / "bin"
CONVERSE = ROOT / "tests" / "clients" / "converse.py"


def generate(folder: Path, document: Any) -> str:
    """Generates the package `generated_duologue`; gives what the generator said."""
    (folder / "openapi.json").write_text(json.dumps(document))
    # Its formatter changes nothing that runs.
    (folder / "config.yaml").write_text("post_hooks: []\n")
    return run(
        CLIENT / "openapi-python-client", "generate", "--meta", "none",
        "--path", folder / "openapi.json", "--config", folder / "config.yaml",
        "--output-path", folder / "generated_duologue",
    )  # fmt: skip


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.timeout(120)
async def test_a_generated_client_runs_a_conversation(tmp_path: Path) -> None:
    async with serving(tmp_path, {}) as server:
        document = await server.ask("GET", "/openapi.json")
        assert "warning" not in generate(tmp_path, document).lower()
        paths = document["paths"].values()
        operations = {part["operationId"] for path in paths for part in path.values()}
        made = {file.stem for file in (tmp_path / "generated_duologue" / "api").rglob("*.py")}
        assert operations - made == set()
        run(CLIENT / "python", CONVERSE, tmp_path, server.url)

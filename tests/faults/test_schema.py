"""The published schema is true: schemathesis, which nobody here wrote, finds nothing."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.api.service import Service
from tests.servers.llm import LlmServer
from tests.servers.process import ROOT, clean_environment

Opened = Callable[..., Awaitable[Service]]
COMMAND = Path(sys.executable).with_name("schemathesis")
OPTIONS = {
    "--checks": "all",
    "--phases": "examples,coverage,fuzzing,stateful",
    "--max-examples": "25",
    "--seed": "2026",
    "--workers": "2",
    "--request-timeout": "60",  # on a busy machine; how quick an answer is, others test
    "--max-response-time": "60",
    "--suppress-health-check": "all",
}
# A body that breaks the schema may also be larger than any body may be.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 406, 413, 415, 422, 428]
"""


def write_suite(folder: Path) -> None:
    """A suite that can be run by its name; an experiment of it takes a moment."""
    for name, text in {
        "scenarios/hello.yaml": "user: scripted\nmax_turns: 1\nchecks: [{turns: {at_most: 1}}]\n",
        "suites/tiny.yaml": "scenarios: [scenarios/*.yaml]\npersonas: [learner]\nbots: [16]\n",
    }.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: {path.stem}\n{text}", encoding="utf-8")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("with_model", [False, True])
async def test_schemathesis_finds_nothing(
    opened: Opened, tmp_path: Path, llm: LlmServer, with_model: bool
) -> None:
    llm.script(f"ok {n}" for n in range(20_000))  # short enough for every persona, none twice
    model = {"OPENAI_BASE_URL": llm.base_url, "OPENAI_API_KEY": "none"} if with_model else {}
    # Runs of up to 2,000 turns would say nothing more and take minutes.
    service = await opened(max_turns="6", **model)
    write_suite(service.folder)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    given = [part for option in OPTIONS.items() for part in option]
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "run",
        f"{service.url}/openapi.json",
        "--no-color",
        "--continue-on-failure",
        *given,
        cwd=tmp_path,
        env=clean_environment(
            {"SCHEMA_SERVER": service.url, "SCHEMATHESIS_HOOKS": "tests.faults.schema_values"}
        )
        | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), 540)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, told.decode(errors="replace")[-12_000:]
    assert '"level":"error"' not in service.log

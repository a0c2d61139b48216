"""What `pipx install` or `uv tool install` gives: the wheel alone, used from an empty folder."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.servers.host import free_port
from tests.servers.process import ROOT, Process, clean_environment
from tests.servers.wait import wait_until

pytestmark = pytest.mark.timeout(300)
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = str(BIN / "uv")
    build = [uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    run([*build, "--out-dir", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
    python = str(folder / "venv" / "bin" / "python")
    locked = ["--constraint", str(ROOT / "requirements" / "run.txt")]
    run([uv, "pip", "install", "--quiet", "--python", python, *locked, str(wheel)], folder)
    return folder / "venv" / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_the_command_says_what_it_can(installed: Path, empty: Path) -> None:
    assert "let a user and a bot talk" in run([str(installed / "duologue"), "--help"], empty)


def test_the_demo_talks(installed: Path, empty: Path) -> None:
    said = run([str(installed / "duologue"), "run", "--turns", "2"], empty)
    assert "User: sẵn sàng" in said
    assert "completed, 2 of 2 turns" in said


def test_the_suite_that_ships_runs(installed: Path, empty: Path) -> None:
    command = [str(installed / "duologue"), "test", "suites/demo.yaml", "--repeats", "1"]
    said = run([*command, "--html", "report.html"], empty)
    assert "12 of 12 passed" in said
    assert "<title>" in (empty / "report.html").read_text(encoding="utf-8")


async def test_it_serves_the_page(installed: Path, empty: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(installed / "duologue"), "serve", "--port", str(port)]
    async with (
        Process(command, ready=f"{url}/health", cwd=empty, startup=90),
        httpx.AsyncClient(timeout=20) as http,
    ):

        async def is_served() -> bool:
            return (await http.get(f"{url}/vi/alive")).status_code == 200

        await wait_until(is_served, 90)
        page, docs, personas = await asyncio.gather(
            http.get(f"{url}/vi/"), http.get(f"{url}/docs"), http.get(f"{url}/api/personas")
        )
        assert "duologue" in page.text
        assert (await http.get(f"{url}/docs/swagger-ui.css")).status_code == 200
        assert docs.status_code == 200
        assert '"child"' in personas.text

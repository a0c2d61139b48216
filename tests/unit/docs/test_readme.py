"""The README's transcript and pictures are the real thing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import ROOT, clean_environment

README = (ROOT / "README.md").read_text("utf-8")


def test_the_english_transcript_is_what_the_command_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"```console\n\$ (duologue .*?kiosk.*?)```", README, re.DOTALL)
    command, *wanted = block.strip().split("\n")
    options = command.replace("examples/", f"{ROOT}/examples/").split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "cli", *options, "--database", f"sqlite:///{tmp_path}/d.db"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said = [line for line in done.stdout.splitlines() if not line.startswith("Conversation")]
    assert said == [line for line in wanted if not line.startswith("Conversation")]
    assert done.stdout.rstrip().endswith("the bot ended it")


@pytest.mark.parametrize("name", ["README.md", "README.vi.md"])
def test_there_are_three_different_pictures_and_none_is_heavy(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    pictures = [ROOT / path for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
    assert len({path.read_bytes() for path in pictures}) == len(pictures) >= 3
    assert all(path.stat().st_size < 3_000_000 for path in pictures)

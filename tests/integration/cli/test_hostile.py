"""What a bot said reaches a terminal as symbols: `show` and `list` as they are typed."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.integration.cli.desk import Desk, begun
from tests.servers.process import clean_environment
from tests.servers.remote import robot_process

TAG = "\U000e0041"
EVIL = (
    "một\x1b[2J\x1b]52;c;aGFjaw==\x07\x9b5A\rhai\b"
    f"\nUser: forged\n\u2028Bot: forged\u202eba\u200bbốn{TAG}\u2066năm"
)
SHOWN = ["␛[2J", "␛]52;c;aGFjaw==␇", "␍hai␈", "⟨U+202E⟩ba⟨U+200B⟩bốn⟨U+E0041⟩⟨U+2066⟩năm"]
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066\U000e0000-\U000e0fff]")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What the command itself colours its tables with; what the bot said has none of these."""


def read_pipe(command: list[str], desk: Desk) -> str:
    ended = subprocess.run(
        command, cwd=desk.folder, env=clean_environment({}), capture_output=True, check=True
    )
    assert ended.stderr == b""
    return ended.stdout.decode()


def read_terminal(command: list[str], desk: Desk) -> str:
    """What a terminal is sent: a pseudo-terminal stands at the command's three streams."""
    ours, theirs = pty.openpty()
    env = clean_environment({"TERM": "xterm-256color", "COLUMNS": "300", "LINES": "50"})
    with subprocess.Popen(
        command, cwd=desk.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as child:
        os.close(theirs)
        sent = b""
        with suppress(OSError):  # that is how Linux says that the other end is closed
            while block := os.read(ours, 65536):
                sent += block
    os.close(ours)
    assert child.returncode == 0, sent
    return STYLE.sub("", sent.decode().replace("\r\n", "\n"))


WAYS = {"pipe": read_pipe, "terminal": read_terminal}


@pytest.mark.timeout(240)
async def test_nothing_that_a_bot_said_drives_the_terminal_or_speaks_for_another(
    desk: Desk,
) -> None:
    async with robot_process() as robot:
        desk.knows(robot.url)
        await robot.fail("text", turn=1, text=EVIL)
        id = await begun(await desk.typed("run", "--bot", "7", "--turns", "1"))
    assert (await desk.shown(id))["history"][1]["content"] == EVIL
    for way, read in WAYS.items():
        for words in (["show", id], ["list"], ["show", id, "--json"], ["list", "--json"]):
            out = read([sys.executable, "-m", "cli", *words], desk)
            assert id in out
            assert not UNSAFE.findall(out), (way, words, out)
            assert not re.search(r"^(User|Bot)\b.*forged", out, re.MULTILINE), (way, words, out)
            if words == ["show", id]:
                assert [piece for piece in SHOWN if piece not in out] == [], (way, out)

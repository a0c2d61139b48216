"""Who leaves is let go in good order."""

import asyncio
import os
import signal
from typing import Any

import pytest

from cli import signals
from cli.output import RunStart
from cli.plain import PlainOutput
from cli.signals import PipeSafeOutput, on_signal
from graph.stream.cursor import Cursor
from graph.stream.live import Frame

OPENING = RunStart("id", "Robot", "scripted user", 0, 2)


class Deaf(PlainOutput):
    """Nobody reads it from the first line on."""

    def __init__(self) -> None:
        self.told = 0

    def show_opening(self, opening: RunStart) -> None:
        self.told += 1

    def frame(self, frame: Frame) -> None:
        self.told += 1
        raise BrokenPipeError


def test_reader_that_goes_is_noticed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "write_nowhere", lambda: None)
    show, gone = Deaf(), []
    with PipeSafeOutput(show, lambda: gone.append("left")) as audience:
        audience.show_opening(OPENING)
        for _ in range(3):
            audience.frame(Frame("message", {}, Cursor()))
    assert gone == ["left"]
    assert show.told == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_first_signal_stops_and_the_second_is_as_ever(number: int) -> None:
    # Whoever started the tests may have had signals ignored, as nohup and a shell's & do.
    before, asked = signal.signal(number, signal.SIG_DFL), asyncio.Event()
    try:
        with on_signal(asked.set):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(asked.wait(), 1)
            assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    finally:
        signal.signal(number, before)


async def test_nohup_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[int] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", lambda n, *_rest: added.append(n))
    before: Any = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_signal(lambda: None):
            assert added == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)

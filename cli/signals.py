"""When somebody leaves: a signal asks us to go, or whoever read our output has gone."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from cli.output import Output, RunEnd, RunStart
from cli.pipes import write_nowhere
from graph.stream.live import Frame

T = TypeVar("T")


@contextmanager
def on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """A first ctrl-C, SIGTERM or hang-up calls `stop`; a second one ends the process."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
        numbers.append(signal.SIGHUP)

    def first() -> None:
        forget()
        stop()

    def forget() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        forget()


class PipeSafeOutput:
    """A show whose reader may go, as `head` does: then `left` is called, and nothing more told."""

    def __init__(self, show: Output, left: Callable[[], None]) -> None:
        self._show = show
        self._left = left
        self._gone = False

    def __enter__(self) -> Self:
        self._show.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._show.__exit__(kind, error, trace)

    def show_opening(self, opening: RunStart) -> None:
        self._pass_on(self._show.show_opening, opening)

    def frame(self, frame: Frame) -> None:
        self._pass_on(self._show.frame, frame)

    def show_closing(self, closing: RunEnd) -> None:
        self._pass_on(self._show.show_closing, closing)

    def _pass_on(self, tell: Callable[[T], None], what: T) -> None:
        if self._gone:
            return
        try:
            tell(what)
        except BrokenPipeError:
            self._gone = True
            self._left()
            write_nowhere()

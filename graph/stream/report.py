"""The reports of a run: what is no text, each at its place in the transcript."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.events import EventName

KEPT_REPORTS = 200
"""So many reports of a run are kept; of older ones the mere statuses are forgotten."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is no text, at the place in the transcript where it was made.

    What it tells is kept as two tuples: a dict for each would weigh twice as much.
    """

    index: int
    offset: int
    take: int
    event: EventName
    names: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def data(self) -> dict[str, Any]:
        return dict(zip(self.names, self.values, strict=True))


# A thousand conversations with one bot report the same at the same place: it is kept once.
_shared = lru_cache(maxsize=4096)(Report)


def make_report(place: tuple[int, int, int], event: EventName, data: dict[str, Any]) -> Report:
    """`place` is message, offset and take."""
    values = tuple(data.values())
    alike = event == "status" and not any(type(fact) is str and len(fact) > 99 for fact in values)
    return (_shared if alike else Report)(*place, event, tuple(data), values)


class Reports(list[Report | None]):
    """The reports of one run, in their order; None stands for one that was forgotten."""

    __slots__ = ()

    def add(self, report: Report) -> None:
        self.append(report)
        old = len(self) - KEPT_REPORTS
        if old >= 0 and (earlier := self[old]) and earlier.event == "status":
            self[old] = None  # its number stays taken, so that cursors keep their meaning

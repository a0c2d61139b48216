"""Which trial begins next: a repeat of every cell before the next repeat of any, and none in vain.

Pure: it knows neither conversations nor time.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.figures.sequential import SequentialTest
from evaluation.suite_info import AutoRepeats
from evaluation.verdicts import CellKey
from graph.storage.experiment_rows import TrialRow

_RESULTS = {"passed": True, "failed": False}


@dataclass(slots=True)
class _Cell:
    """The trials of a cell: those to come in order, those under way, and how the others ended."""

    plan: AutoRepeats | None
    waiting: deque[TrialRow] = field(default_factory=deque)
    running: int = 0
    ended: dict[int, bool | None] = field(default_factory=dict)

    def is_open(self) -> bool:
        """Whether another trial may be needed."""
        if self.plan is None:
            return True
        return _test(self.plan).decide(self._in_order()) == "open"

    def allowance(self) -> int:
        """How many trials more cannot be in vain, whatever those under way bring."""
        if self.plan is None:
            return len(self.waiting)
        return max(count_needed(self.plan, self._in_order()) - self.running, 0)

    def _in_order(self) -> list[bool | None]:
        return [self.ended[repeat] for repeat in sorted(self.ended)]


class Schedule:
    """The trials of an experiment that are still to run."""

    def __init__(
        self, plans: Mapping[CellKey, int | AutoRepeats], trials: Iterable[TrialRow]
    ) -> None:
        self._cells: dict[CellKey, _Cell] = {}
        self._turn: deque[CellKey] = deque()
        self._blocked: set[CellKey] = set()
        for trial in sorted(trials, key=lambda trial: trial.number):
            self._add(trial, plans.get(cell_of(trial)))

    def _add(self, trial: TrialRow, plan: int | AutoRepeats | None) -> None:
        key = cell_of(trial)
        if key not in self._cells:
            self._cells[key] = _Cell(plan if isinstance(plan, AutoRepeats) else None)
        cell = self._cells[key]
        if trial.status == "finished":
            cell.ended[trial.repeat] = _RESULTS.get(trial.outcome or "")
            return
        cell.waiting.append(trial)
        if len(cell.waiting) == 1:
            self._turn.append(key)

    def take(self) -> TrialRow | None:
        """The next trial to begin; None where there is none for now."""
        while self._turn:
            key = self._turn.popleft()
            cell = self._cells[key]
            if not cell.waiting:
                continue
            if cell.allowance() == 0:
                self._blocked.add(key)
                continue
            cell.running += 1
            trial = cell.waiting.popleft()
            if cell.waiting:
                self._turn.append(key)
            return trial
        return None

    def finish(self, trial: TrialRow, outcome: str | None) -> list[TrialRow]:
        """A trial has ended, or was given up (None). Gives those that need not run any more."""
        key = cell_of(trial)
        cell = self._cells[key]
        cell.running -= 1
        if outcome is None:
            return []
        cell.ended[trial.repeat] = _RESULTS.get(outcome)
        if key in self._blocked:
            self._blocked.discard(key)
            self._turn.append(key)
        if cell.is_open():
            return []
        needless = list(cell.waiting)
        cell.waiting.clear()
        return needless

    def drop_decided(self) -> list[TrialRow]:
        """Those that need not run although they are still there: their cell is decided."""
        needless: list[TrialRow] = []
        for cell in self._cells.values():
            if not cell.is_open():
                needless += cell.waiting
                cell.waiting.clear()
        return needless

    def waiting(self) -> list[TrialRow]:
        """All that have not begun."""
        return [trial for cell in self._cells.values() for trial in cell.waiting]


def cell_of(trial: TrialRow) -> CellKey:
    return CellKey(trial.scenario, trial.persona, trial.bot)


def _test(plan: AutoRepeats) -> SequentialTest:
    return SequentialTest(plan.good, plan.bad, plan.max)


def count_needed(plan: AutoRepeats, outcomes: Sequence[bool | None]) -> int:
    """How many more trials it takes at least to decide; 0 where it is decided."""
    test = _test(plan)
    if test.decide(outcomes) != "open":
        return 0
    least = plan.max
    for result in (True, False):
        for more in range(1, least + 1):
            if test.decide([*outcomes, *[result] * more]) != "open":
                least = more
                break
    return least

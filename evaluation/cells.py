"""A resolved suite: its cells and trials, and all that its names referred to."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from evaluation.fingerprints import Fingerprint, digest
from evaluation.scenarios import ScenarioFile
from evaluation.simulated_users import SecondOpinionRule
from evaluation.suite_info import AutoRepeats, SimulatorInfo
from evaluation.suites import SuiteFile
from evaluation.verdicts import CellKey, Record, TrialKey
from nodes.speakers.personas import Persona


class Cell(Record):
    """The trials that differ only by repeat, and what their figures depend on besides the bot."""

    scenario: str
    persona: str
    bot: str
    repeats: int | AutoRepeats
    fingerprint: Fingerprint

    @property
    def key(self) -> CellKey:
        return CellKey(self.scenario, self.persona, self.bot)

    @property
    def most_repeats(self) -> int:
        return self.repeats.max if isinstance(self.repeats, AutoRepeats) else self.repeats


class ResolvedSuite(Record):
    """A suite with everything that its names referred to, secrets left out. Plain data."""

    suite: SuiteFile
    file: str | None = None
    scenarios: dict[str, ScenarioFile]
    personas: dict[str, Persona]
    bots: dict[str, dict[str, Any]]
    prompts: dict[str, str]
    judges: list[str]
    simulators: list[SimulatorInfo] = []
    second_opinion: SecondOpinionRule | None = None
    cells: list[Cell]

    @cached_property
    def hash(self) -> str:
        """The same for the same suite, whatever else lies in its folder."""
        return digest(
            self.model_dump(
                mode="json", exclude={"file", "simulators", "second_opinion"}, exclude_defaults=True
            )
        )

    def trials(self) -> Iterator[TrialKey]:
        """All trials, a repeat of every cell before the next repeat of any."""
        most = max((cell.most_repeats for cell in self.cells), default=0)
        for repeat in range(1, most + 1):
            for cell in self.cells:
                if repeat <= cell.most_repeats:
                    yield TrialKey(cell.scenario, cell.persona, cell.bot, repeat)

    @property
    def count(self) -> int:
        return sum(cell.most_repeats for cell in self.cells)

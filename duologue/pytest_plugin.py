"""The pytest plug-in: collects `*.duologue.yaml`, and gives the fixture `duologue`.

Such a file is a suite or a scenario. With a gate it is one test, which the gate decides; without
one each of its cells is a test, of which every trial must pass. The suite runs once.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from duologue.suites import SuiteResult

SUFFIX = ".duologue.yaml"
GATE = "gate"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "SuiteFile | None":
    """Nothing of Duologue is imported for other files."""
    if not file_path.name.endswith(SUFFIX):
        return None
    return SuiteFile.from_parent(parent, path=file_path)


@pytest.fixture(scope="session")
def duologue() -> ModuleType:
    """The module `duologue`: `simulate`, `check` and `run_suite`."""
    import duologue as module

    return module


class SuiteFile(pytest.File):
    """A suite; its result is made once and shared by its tests."""

    _result: "SuiteResult | None" = None

    def collect(self) -> Iterator[pytest.Item]:
        from core.errors import ConfigError
        from duologue.running import read_settings
        from evaluation.project import Project
        from evaluation.resolve import load_file

        folder = self.config.rootpath
        try:
            suite = load_file(self.path, Project.open(read_settings(folder), folder))
        except ConfigError as error:
            raise self.CollectError(error.message) from None
        if suite.suite.gate:
            yield GateItem.from_parent(self, name=GATE)
            return
        for cell in suite.cells:
            yield CellItem.from_parent(self, name=str(cell.key))

    def result(self) -> "SuiteResult":
        if self._result is None:
            from duologue.suites import run_suite

            folder = self.config.rootpath
            self._result = run_suite(self.path.relative_to(folder), folder=folder)
        return self._result


class _Failed(Exception):
    pass


class _Item(pytest.Item):
    parent: SuiteFile

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The reasons alone: a traceback of ours would tell the reader nothing."""
        if isinstance(excinfo.value, _Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class CellItem(_Item):
    """All repeats of one scenario with one persona and one bot."""

    def runtest(self) -> None:
        found = [one for one in self.parent.result().failures if one.cell == self.name]
        if found:
            raise _Failed("\n".join(map(str, found)))


class GateItem(_Item):
    """Whether the gate is met."""

    def runtest(self) -> None:
        result = self.parent.result()
        if not result.ok:
            found = "\n".join(map(str, result.failures))
            raise _Failed(f"{result.sentence} (exit code {result.exit_code})\n{found}")


__all__ = ["CellItem", "GateItem", "SuiteFile", "duologue", "pytest_collect_file"]

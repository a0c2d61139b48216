"""What was worked out of an experiment that rests is kept, and forgotten when anything changes."""

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.errors import NotFound
from core.message import Message
from core.settings import Settings
from evaluation.experiments import document
from evaluation.experiments.document_cache import DocumentCache
from evaluation.experiments.plan import plan_experiment, plan_trials
from evaluation.experiments.trial import pack_verdict
from evaluation.project import Project
from evaluation.resolve import load_suite
from evaluation.results import ExperimentDocument
from evaluation.verdicts import Verdict
from graph.storage.experiment_rows import ExperimentRow, LabelRow, TrialRow
from graph.storage.opening import Storage, open_storage
from graph.storage.sql.labels import forget_conversation
from tests.contract.worlds import add

SCENARIO = "checks:\n  - bot_says: juice\nuser: scripted\n"
SUITE = (
    "name: Many\nscenarios: [scenarios/*.yaml]\nbots: [16]\nrepeats: %d\ngate: {pass_rate: 0.5}\n"
)
VERDICTS = [
    pack_verdict(Verdict.model_validate({"id": "bot_says", "kind": "check", "status": status}))
    for status in ("pass", "fail")
]


@dataclass
class Shelf:
    """An experiment that has ended, and a new process that reads it."""

    storage: Storage
    row: ExperimentRow
    transcripts: int = 0

    async def messages(self, _id: str) -> list[Message]:
        self.transcripts += 1
        return []

    async def find(self, id: str) -> ExperimentRow:
        return await self.storage.experiments.get(id)

    async def read(self) -> ExperimentDocument:
        cache = DocumentCache(self.storage, self.messages, self.find)
        return await cache.read(await self.find(self.row.id), details=False)

    async def count_rows(self, monkeypatch: pytest.MonkeyPatch) -> int:
        """How many rows of the database it takes to read the document."""
        rows = 0
        read = self.storage.database.read

        async def count(sql: str, values: object = ()) -> list[tuple[object, ...]]:
            nonlocal rows
            found = await read(sql, values)  # type: ignore[arg-type]
            rows += len(found)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(self.storage.database, "read", count)
            await self.read()
        return rows


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with open_storage(f"sqlite:///{tmp_path / 'x.db'}") as storage:
        yield storage


async def fill(storage: Storage, folder: Path, repeats: int) -> Shelf:
    (folder / "scenarios").mkdir(exist_ok=True)
    (folder / "scenarios" / "s.yaml").write_text(SCENARIO, "utf-8")
    (folder / "suite.yaml").write_text(SUITE % repeats, "utf-8")
    suite = load_suite(folder / "suite.yaml", Project.open(Settings(), folder))
    row = replace(plan_experiment(suite), status="completed", ended_at="2026-11-21T03:00:00Z")
    trials = [end(one) for one in plan_trials(suite)]
    await storage.experiments.add(row, trials)
    for one in trials:
        await storage.trials.change(row.id, one.number, [VERDICTS[one.outcome != "passed"]])
    return Shelf(storage, await storage.experiments.get(row.id))


def end(trial: TrialRow) -> TrialRow:
    outcome = "passed" if trial.repeat % 2 else "failed"
    talk = f"talk-{trial.number}"
    return replace(trial, status="finished", outcome=outcome, turns=1, conversation_id=talk)


async def test_figures_of_an_experiment_that_rests_are_worked_out_once(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await fill(storage, tmp_path, repeats=10)
    first = await shelf.read()
    transcripts = shelf.transcripts
    again = await shelf.read()
    assert again == first
    assert (again.figures.tally.passed, shelf.transcripts) == (5, transcripts)
    few = await shelf.count_rows(monkeypatch)
    many = await fill(storage, tmp_path, repeats=80)
    await many.read()
    assert await many.count_rows(monkeypatch) == few


async def test_figures_are_worked_out_in_a_thread_so_that_streams_go_on(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    seen: dict[str, threading.Thread] = {}

    def watch(name: str) -> None:
        work = getattr(document, name)

        def note(*given: object, **named: object) -> object:
            seen[name] = threading.current_thread()
            return work(*given, **named)

        monkeypatch.setattr(document, name, note)

    for name in ("read_suite", "summarize_cells", "summarize"):
        watch(name)
    await shelf.read()
    assert len(seen) == 3
    assert threading.current_thread() not in seen.values()


async def test_a_label_makes_them_anew(storage: Storage, tmp_path: Path) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    await shelf.read()
    await add(storage, "talk-0")
    await storage.labels.put(LabelRow("talk-0", "bot_says", "Mai", "fail", "", ""))
    (question,) = (await shelf.read()).figures.bots[0].questions
    assert (question.passed, question.failed) == (1, 3)


async def test_what_was_deleted_is_in_no_kept_figure(storage: Storage, tmp_path: Path) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    await shelf.read()
    await storage.database.write(lambda connection: forget_conversation(connection, "talk-0"))
    assert await storage.database.read("SELECT * FROM figures") == []


async def test_what_another_build_kept_is_worked_out_again(
    storage: Storage, tmp_path: Path
) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    await shelf.read()
    await storage.database.execute_many("UPDATE figures SET body = '{\"old\": 1}'", [()])
    assert (await shelf.read()).figures.tally.passed == 2


async def test_an_experiment_that_runs_is_not_kept_and_reads_no_transcript(
    storage: Storage, tmp_path: Path
) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    await storage.experiments.update(shelf.row.id, status="running", ended_at=None)
    await shelf.read()
    assert shelf.transcripts == 0
    assert await storage.database.read("SELECT * FROM figures") == []


async def test_a_deleted_experiment_leaves_no_figures(storage: Storage, tmp_path: Path) -> None:
    shelf = await fill(storage, tmp_path, repeats=4)
    await shelf.read()
    await storage.experiments.delete(shelf.row.id)
    assert await storage.database.read("SELECT * FROM figures") == []
    with pytest.raises(NotFound):
        await shelf.read()

"""Old conversations go, a batch at a time; a clock that may be wrong deletes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.message import to_timestamp
from core.settings import Settings
from graph.process import open_process
from graph.runs import retention as module
from graph.runs.retention import Retention, find_clock_trouble, open_retention
from graph.runs.service import RunService
from graph.storage.experiment_rows import LabelRow
from tests.contract.worlds import ROW, no_checkpoint

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ago(days: float) -> str:
    return to_timestamp(NOW - timedelta(days=days))


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[RunService]:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'x.db'}", keep_days=30)
    async with open_process(settings) as runs:
        yield runs


async def add(runs: RunService, id: str, days: float, experiment_id: str | None = None) -> None:
    at = ago(days)
    row = replace(ROW, id=id, created_at=at, updated_at=at, experiment_id=experiment_id)
    await runs.storage.create(row, no_checkpoint)


async def stored(runs: RunService) -> list[str]:
    return [row.id for row in (await runs.storage.catalogue.list_page(100))[0]][::-1]


async def test_what_is_older_than_the_days_goes(
    runs: RunService, caplog: pytest.LogCaptureFixture
) -> None:
    await add(runs, "old", 31)
    await add(runs, "young", 29)
    caplog.set_level("INFO", "duologue.audit")
    retention = Retention(runs, runs.settings)
    assert not await retention.delete_old(NOW)
    assert await stored(runs) == ["young"]
    (line,) = [vars(record) for record in caplog.records if record.message == "audit"]
    assert (line["key"], line["path"]) == ("retention", "/api/conversations/old")
    assert line["last_change"] == ago(31)


async def test_labelled_ones_and_trials_of_a_kept_experiment_stay(runs: RunService) -> None:
    for id in ("labelled", "trial", "orphaned trial", "old"):
        await add(runs, id, 100, {"trial": "e", "orphaned trial": "gone"}.get(id))
    await runs.storage.labels.put(LabelRow("labelled", "v", "minh", "pass", "", ago(99)))
    await runs.storage.database.execute_many(
        "INSERT INTO experiments (id, seq, suite, hash, status, takeovers, revision, total, "
        "seconds, created_at, plan) VALUES (?, 1, 's', 'h', 'completed', 0, 0, 1, 0, '', '{}')",
        [("e",)],
    )
    await Retention(runs, runs.settings).delete_old(NOW)
    assert await stored(runs) == ["labelled", "trial"]


async def test_the_work_of_one_look_is_bounded(
    runs: RunService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for n in range(5):
        await add(runs, str(n), 50)
    retention = Retention(runs, runs.settings)
    left = []
    while await retention.delete_old(NOW):
        left.append(len(await stored(runs)))
    assert left == [3, 1]
    assert await stored(runs) == []


async def test_without_days_everything_stays_and_the_clock_is_watched(runs: RunService) -> None:
    await add(runs, "old", 1000)
    retention = Retention(runs, Settings())
    await retention.delete_old(NOW)
    assert retention.state == "off"
    assert await stored(runs) == ["old"]
    assert await runs.storage.catalogue.read_last_look() == to_timestamp(NOW)


@pytest.mark.parametrize(("days", "where"), [(400, "ahead of"), (-400, "behind")])
async def test_a_clock_that_jumped_deletes_nothing_and_says_so(
    runs: RunService, caplog: pytest.LogCaptureFixture, days: int, where: str
) -> None:
    await add(runs, "yesterday", 1)
    await add(runs, "today", 0)
    async with open_retention(runs, runs.settings) as retention:
        await retention.delete_old(NOW + timedelta(days=days))
        await retention.delete_old(NOW + timedelta(days=days))
        assert where in retention.state
        assert "DUOLOGUE_CLOCK_CHECKED" in retention.state
        assert await stored(runs) == ["yesterday", "today"]
        await retention.delete_old(NOW)
        assert retention.state == "on"
    assert [record.message for record in caplog.records] == ["retention paused"]


async def test_what_is_written_under_the_wrong_clock_does_not_make_it_right(
    runs: RunService,
) -> None:
    await add(runs, "today", 0)
    async with open_retention(runs, runs.settings) as retention:
        await add(runs, "next year", -365)
        await retention.delete_old(NOW + timedelta(days=365))
        assert retention.trouble
        assert await stored(runs) == ["today", "next year"]


@pytest.mark.parametrize(
    ("days", "keep", "fits"),
    [(0, 30, True), (6, 30, True), (8, 30, False), (-0.01, 30, True), (-1, 30, False),
     (2, 2, False), (0.9, 1, True), (6, 0, True), (8, 0, False)],
)  # fmt: skip
def test_a_pause_is_believed_up_to_half_of_the_days_and_a_week(
    days: float, keep: int, fits: bool
) -> None:
    trouble = find_clock_trouble(NOW + timedelta(days=days), to_timestamp(NOW), keep, None)
    assert (trouble is None) is fits


def test_a_person_may_say_that_the_clock_is_right_for_some_days() -> None:
    def is_believed(checked: date) -> bool:
        return find_clock_trouble(NOW, ago(100), 30, checked) is None

    assert is_believed(NOW.date())
    assert is_believed(NOW.date() - timedelta(days=2))
    assert not is_believed(NOW.date() - timedelta(days=3))


def test_a_database_without_a_past_has_no_clock_to_compare_with() -> None:
    assert find_clock_trouble(NOW, None, 30, None) is None

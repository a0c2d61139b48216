"""Ids and versions sort in the order in which they were made."""

from uuid import UUID

import pytest
from langgraph.checkpoint.base import id as generator
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graph.storage.checkpoint_ids import continue_after, next_version, versions_as_text


@pytest.fixture(autouse=True)
def generator_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_last_v6_timestamp", None)


def test_an_id_is_greater_than_one_from_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 4_000_000_000 * 10**9)
    future = str(uuid6(clock_seq=3))
    monkeypatch.undo()
    monkeypatch.setattr(generator, "_last_v6_timestamp", None)
    assert str(uuid6(clock_seq=-2)) < future
    continue_after(future)
    made = [str(uuid6(clock_seq=step)) for step in (-1, 0, 1, 2)]
    assert sorted([future, *made]) == [future, *made]
    assert {UUID(one).version for one in made} == {6}


@pytest.mark.parametrize("id", ["", "not a uuid", "0c62ca34-ac19-445d-bbb0-5b4984975b2a"])
def test_an_id_without_a_time_changes_nothing(id: str) -> None:
    continue_after(id)
    assert generator._last_v6_timestamp is None


def test_versions_sort_as_they_were_made_also_through_ten_thousand() -> None:
    versions = [next_version(None)]
    while len(versions) < 10_050:
        versions.append(next_version(versions[-1]))
    assert sorted(versions) == versions
    assert versions[0] == " 0001"
    assert max(len(one) for one in versions[:9_999]) == 5


def test_the_stock_saver_counts_on_from_ours_and_ours_from_it() -> None:
    stock = AsyncSqliteSaver.get_next_version
    ours = next_version(next_version(None))
    theirs = stock(None, ours, None)  # type: ignore[arg-type]
    after = next_version(theirs)
    again = stock(None, after, None)  # type: ignore[arg-type]
    assert ours < theirs < after < again
    assert int(after) == 4


def test_numbers_become_text_in_the_same_order() -> None:
    checkpoint = {
        "channel_versions": {"a": 9, "b": 10, "c": 10_001},
        "versions_seen": {"node": {"a": 9, "b": " 0011"}},
    }
    versions_as_text(checkpoint)
    versions = checkpoint["channel_versions"]
    assert versions["a"] < versions["b"] < versions["c"]
    assert checkpoint["versions_seen"]["node"] == {"a": versions["a"], "b": " 0011"}

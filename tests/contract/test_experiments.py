"""Experiments in any database: all before anything runs, one owner, every change numbered."""

from dataclasses import replace
from typing import Any

import pytest

from core.errors import Busy, Conflict, KeyReused, NotFound
from core.message import now
from graph.storage.experiment_rows import ExperimentRow, LabelRow, TrialRow, VerdictRow
from graph.storage.opening import Storage
from tests.contract.worlds import ROW as CONVERSATION
from tests.contract.worlds import SQL_ALONE, World, as_storage
from tests.contract.worlds import add as add_conversation

ROW = ExperimentRow(
    id="3f0e6f0e",
    name="nightly",
    suite="Robot",
    hash="abc",
    status="created",
    plan={"cells": ["một"]},
    total=3,
    created_at="2026-11-20T15:00:00.000Z",
)
TRIALS = [TrialRow(number, "drinks", "child", "16", number + 1) for number in range(3)]
VERDICT = VerdictRow("bot_says", "check", "pass", True, '{"reason": "nước ép"}')


pytestmark = SQL_ALONE


@pytest.fixture
async def storage(world: World) -> Storage:
    storage = as_storage(await world.open())
    await storage.experiments.add(ROW, TRIALS)
    return storage


async def add(storage: Storage, **changes: Any) -> None:
    await storage.experiments.add(replace(ROW, **changes), [])


async def test_an_experiment_and_its_trials_come_back_as_they_were_stored(storage: Storage) -> None:
    assert await storage.experiments.get(ROW.id) == ROW
    assert await storage.trials.select(ROW.id) == TRIALS


async def test_an_unknown_experiment_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound):
        await storage.experiments.get("nobody")
    with pytest.raises(NotFound):
        await storage.trials.change("nobody", 0, status="running")


async def test_one_is_found_by_the_beginning_of_its_id_and_by_name_the_newest(
    storage: Storage,
) -> None:
    await add(storage, id="77777777", name="nightly")
    await add(storage, id="3f0eaaaa", name="other")
    assert (await storage.experiments.find("3f0e6")).id == ROW.id
    assert (await storage.experiments.find("nightly")).id == "77777777"
    with pytest.raises(Conflict, match="several"):
        await storage.experiments.find("3f0e")
    with pytest.raises(NotFound):
        await storage.experiments.find("nightl")


async def test_the_last_good_one_of_a_suite_is_the_newest_that_ended_with_0(
    storage: Storage,
) -> None:
    assert await storage.experiments.find_last_good("Robot") is None
    await add(storage, id="a", status="completed", exit_code=0)
    await add(storage, id="b", status="completed", exit_code=1)
    await add(storage, id="c", status="completed", exit_code=0, suite="Another")
    found = await storage.experiments.find_last_good("Robot")
    assert found is not None
    assert found.id == "a"


async def test_pages_are_newest_first_and_carry_no_plan(storage: Storage) -> None:
    for number in range(4):
        await add(storage, id=f"e{number}")
    rows, more = await storage.experiments.list_page(3)
    assert [row.id for row in rows] == ["e3", "e2", "e1"]
    assert rows[0].plan == {}
    rest, none = await storage.experiments.list_page(3, more)
    assert [row.id for row in rest] == ["e0", ROW.id]
    assert none is None


async def test_a_living_owner_keeps_it_and_a_dead_one_does_not(storage: Storage) -> None:
    claimed = await storage.experiments.claim(ROW.id, "me", lambda _: True)
    assert (claimed.status, claimed.owner, claimed.takeovers) == ("running", "me", 0)
    assert claimed.started_at
    with pytest.raises(Busy):
        await storage.experiments.claim(ROW.id, "you", lambda _: True)
    assert [row.id for row in await storage.experiments.list_orphans(lambda _: False)] == [ROW.id]
    assert await storage.experiments.list_orphans(lambda _: True) == []
    taken = await storage.experiments.claim(ROW.id, "you", lambda _: False, takeover=True)
    assert (taken.owner, taken.takeovers) == ("you", 1)


async def test_only_what_runs_is_taken_over(storage: Storage) -> None:
    await storage.experiments.update(ROW.id, status="paused")
    with pytest.raises(Conflict):
        await storage.experiments.claim(ROW.id, "you", lambda _: False, takeover=True)


async def test_every_change_of_a_trial_has_a_number_to_ask_from(storage: Storage) -> None:
    await storage.trials.begin(ROW.id, 1, "c1")
    await storage.trials.change(ROW.id, 1, [VERDICT], status="finished", outcome="passed")
    await storage.trials.begin(ROW.id, 0, "c0")
    changed = await storage.trials.select(ROW.id, since=0)
    assert [(trial.number, trial.revision) for trial in changed] == [(1, 2), (0, 3)]
    assert [trial.number for trial in await storage.trials.select(ROW.id, since=2)] == [0]
    assert (await storage.experiments.get(ROW.id)).revision == 3


async def test_a_trial_ends_together_with_its_verdicts(storage: Storage) -> None:
    await storage.trials.change(
        ROW.id, 1, [VERDICT], status="finished", outcome="passed", latencies=[1.5], turns=3
    )
    (trial,) = await storage.trials.select(ROW.id, outcome="passed")
    assert (trial.turns, trial.latencies) == (3, [1.5])
    assert await storage.trials.verdicts(ROW.id) == {1: [VERDICT]}
    assert await storage.trials.verdict_statuses(ROW.id) == {
        1: [("bot_says", "check", "pass", True)]
    }
    assert await storage.trials.counts(ROW.id) == {"passed": 1, "pending": 2}
    assert await storage.trials.counts_of([ROW.id, "gone"]) == {
        ROW.id: {"passed": 1, "pending": 2},
        "gone": {},
    }
    assert await storage.trials.counts_of([]) == {}


async def test_whoever_lost_an_experiment_writes_nothing_more(storage: Storage) -> None:
    await storage.experiments.claim(ROW.id, "me", lambda _: True)
    await storage.trials.change(ROW.id, 0, owner="me", status="running")
    await storage.experiments.claim(ROW.id, "you", lambda _: False)
    with pytest.raises(Conflict):
        await storage.trials.change(ROW.id, 0, [VERDICT], owner="me", status="finished")
    assert (await storage.trials.select(ROW.id))[0].status == "running"
    assert await storage.trials.verdicts(ROW.id) == {}


async def test_what_was_finished_is_not_skipped(storage: Storage) -> None:
    await storage.trials.change(ROW.id, 0, status="finished", outcome="passed")
    await storage.trials.skip(ROW.id, [0, 1], "stopped")
    outcomes = [(trial.outcome, trial.skipped) for trial in await storage.trials.select(ROW.id)]
    assert outcomes == [("passed", None), ("skipped", "stopped"), (None, None)]


async def test_a_trial_that_is_tried_again_is_blank_and_another_conversation(
    storage: Storage,
) -> None:
    await storage.trials.begin(ROW.id, 0, "c0")
    await storage.trials.change(ROW.id, 0, [VERDICT], status="finished", outcome="broken")
    await storage.trials.reset(ROW.id, [0, 1])
    first, second, _ = await storage.trials.select(ROW.id)
    assert (first.status, first.attempt, first.conversation_id) == ("pending", 2, None)
    assert second.attempt == 1  # it had none before
    assert await storage.trials.verdicts(ROW.id) == {}


async def test_more_trials_can_be_added(storage: Storage) -> None:
    await storage.trials.add(ROW.id, [TrialRow(3, "drinks", "child", "16", 4)], {"cells": []})
    row = await storage.experiments.get(ROW.id)
    assert (row.total, row.plan) == (4, {"cells": []})
    assert [trial.number for trial in await storage.trials.select(ROW.id, since=0)] == [3]


async def begin_trial(storage: Storage) -> None:
    await storage.catalogue.add(replace(CONVERSATION, id="c0", experiment_id=ROW.id))
    await storage.trials.begin(ROW.id, 0, "c0")


async def test_labels_are_one_for_each_person_and_change_the_trial(storage: Storage) -> None:
    await begin_trial(storage)
    label = LabelRow("c0", "corrects", "An", "fail", "", now())
    await storage.labels.put(label)
    await storage.labels.put(replace(label, status="pass", note="doch"))
    await storage.labels.put(replace(label, labeller="Bình"))
    assert {(one.labeller, one.status) for one in await storage.labels.select("c0")} == {
        ("An", "pass"),
        ("Bình", "fail"),
    }
    assert len(await storage.labels.select(experiment_id=ROW.id)) == 2
    assert [trial.number for trial in await storage.trials.select(ROW.id, since=1)] == [0]
    assert await storage.labels.delete("c0", "corrects", "An") == 1
    assert await storage.labels.delete("c0", "corrects") == 1
    assert await storage.labels.select("c0") == []


async def test_a_deleted_conversation_is_quoted_nowhere(storage: Storage) -> None:
    await begin_trial(storage)
    await storage.trials.change(ROW.id, 0, [VERDICT], status="finished", outcome="passed")
    await storage.labels.put(LabelRow("c0", "bot_says", "An", "fail", "nước ép!", now()))
    await storage.catalogue.delete("c0")
    ((found,),) = (await storage.trials.verdicts(ROW.id)).values()
    assert (found.status, found.body) == ("pass", "{}")
    assert await storage.labels.select("c0") == []
    assert (await storage.trials.select(ROW.id))[0].conversation_id is None


async def test_a_deleted_replay_is_named_by_no_trial_and_by_no_figure(storage: Storage) -> None:
    await begin_trial(storage)
    await storage.catalogue.add(replace(CONVERSATION, id="c1", experiment_id=ROW.id))
    spending = {"bot": {"calls": 2}, "second_opinion": {"model": "m", "conversation_id": "c1"}}
    revision = await storage.trials.change(ROW.id, 0, status="finished", spending=spending)
    await storage.experiments.keep_figures(ROW.id, "1", "c1")
    await storage.catalogue.delete("c1")
    (trial,) = await storage.trials.select(ROW.id, since=revision)
    assert trial.spending == {"bot": {"calls": 2}, "second_opinion": {"model": "m"}}
    assert trial.conversation_id == "c0"
    assert await storage.experiments.read_figures(ROW.id, "1") is None


async def test_a_conversation_deleted_meanwhile_gets_no_label(storage: Storage) -> None:
    await begin_trial(storage)
    await storage.catalogue.delete("c0")
    with pytest.raises(NotFound):
        await storage.labels.put(LabelRow("c0", "bot_says", "An", "fail", "nước ép!", now()))
    assert await storage.labels.select("c0") == []


async def test_a_deleted_experiment_leaves_nothing(storage: Storage) -> None:
    await begin_trial(storage)
    await storage.trials.change(ROW.id, 0, [VERDICT], status="finished", outcome="passed")
    await storage.labels.put(LabelRow("c0", "bot_says", "An", "fail", "", now()))
    await storage.experiments.delete(ROW.id)
    for table in ("experiments", "trials", "verdicts", "labels"):
        assert await storage.database.read(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_key_stands_for_the_experiment_that_it_made(storage: Storage) -> None:
    one, other = replace(ROW, id="one"), replace(ROW, id="other")
    assert await storage.experiments.add(one, [], "key", "body") == "one"
    assert await storage.experiments.add(other, [], "key", "body") == "one"
    with pytest.raises(KeyReused):
        await storage.experiments.add(other, [], "key", "another body")
    with pytest.raises(NotFound):
        await storage.experiments.get("other")


async def test_figures_are_read_under_the_stamp_that_they_were_kept_under(storage: Storage) -> None:
    await storage.experiments.keep_figures(ROW.id, "1", "old")
    await storage.experiments.keep_figures(ROW.id, "2", "new")
    assert await storage.experiments.read_figures(ROW.id, "2") == "new"
    assert await storage.experiments.read_figures(ROW.id, "1") is None
    await storage.experiments.keep_figures("nobody", "1", "x")
    assert await storage.experiments.read_figures("nobody", "1") is None


async def test_what_is_labelled_or_part_of_an_experiment_does_not_expire(storage: Storage) -> None:
    old, limit, now_ = (f"2026-{month}-01T00:00:00.000Z" for month in ("01", "06", "07"))
    for id, experiment in (("c0", ROW.id), ("c1", "deleted"), ("c2", None)):
        times = {"created_at": old, "updated_at": old}
        await add_conversation(storage, id, experiment_id=experiment, **times)
    await storage.labels.put(LabelRow("c2", "bot_says", "An", "fail", "", now()))
    assert await storage.catalogue.list_expired(limit, now_, 10) == ["c1"]

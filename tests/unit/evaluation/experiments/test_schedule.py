"""Which trial begins next, without conversations."""

from evaluation.experiments.schedule import Schedule, count_needed
from evaluation.suite_info import AutoRepeats
from evaluation.verdicts import CellKey
from graph.storage.experiment_rows import TrialRow

A, B = CellKey("a", "", "16"), CellKey("b", "", "16")
AUTO = AutoRepeats(good=0.9, bad=0.6, max=30)


def trials(*cells: CellKey, repeats: int) -> list[TrialRow]:
    keys = [(cell, repeat) for repeat in range(1, repeats + 1) for cell in cells]
    return [TrialRow(number, *cell, repeat) for number, (cell, repeat) in enumerate(keys)]


def test_a_repeat_of_every_cell_comes_before_the_next_of_any() -> None:
    schedule = Schedule({A: 2, B: 2}, trials(A, B, repeats=2))
    taken = [schedule.take() for _ in range(5)]
    assert [one and (one.scenario, one.repeat) for one in taken] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
        None,
    ]


def test_what_has_ended_is_not_taken_again() -> None:
    rows = trials(A, repeats=2)
    done = TrialRow(0, *A, 1, status="finished", outcome="passed")
    schedule = Schedule({A: 2}, [done, rows[1]])
    taken = schedule.take()
    assert taken is not None
    assert taken.repeat == 2
    assert schedule.take() is None


def test_a_sequential_test_begins_no_trial_that_may_be_in_vain() -> None:
    schedule = Schedule({A: AUTO}, trials(A, repeats=30))
    assert count_needed(AUTO, []) == 3  # three failures would reject it
    running = [schedule.take() for _ in range(3)]
    assert all(running)
    assert schedule.take() is None
    first = running[0]
    assert first is not None
    assert schedule.finish(first, "passed") == []
    assert schedule.take() is not None


def test_a_decided_cell_gives_back_what_need_not_run() -> None:
    schedule = Schedule({A: AUTO}, trials(A, repeats=30))
    needless: list[TrialRow] = []
    ended = 0
    while (trial := schedule.take()) is not None:
        needless += schedule.finish(trial, "passed")
        ended += 1
    assert (ended, len(needless)) == (8, 22)


def test_a_broken_trial_counts_for_neither_side() -> None:
    assert count_needed(AUTO, [True, None, True]) == count_needed(AUTO, [True, True])

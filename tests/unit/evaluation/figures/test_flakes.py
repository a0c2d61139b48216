"""The flake atlas names the turn at which repeats part."""

from evaluation.figures.flakes import Remark, Repeat, find_fork


def repeat(passed: bool, *texts: str) -> Repeat:
    lines = [
        Remark(place // 2 + 1, "user" if place % 2 == 0 else "assistant", text)
        for place, text in enumerate(texts)
    ]
    return Repeat(passed, lines)


def test_the_first_turn_at_which_repeats_part_is_named_with_what_each_said() -> None:
    fork = find_fork(
        {
            1: repeat(True, "hi", "hello", "water", "say: water"),
            2: repeat(True, "hi", "hello", "water", "say: water"),
            3: repeat(False, "hi", "hello", "water", "goodbye"),
        }
    )
    assert fork is not None
    assert (fork.turn, fork.role, fork.separates_at) == (2, "assistant", 2)
    assert fork.branches == [("say: water", [1, 2], 2, 0), ("goodbye", [3], 0, 1)]


def test_repeats_that_part_before_they_are_judged_differently_are_told_apart_later() -> None:
    fork = find_fork(
        {
            1: repeat(True, "hi", "hello", "x", "good"),
            2: repeat(True, "hey", "hello", "x", "good"),
            3: repeat(False, "hey", "hello", "x", "bad"),
        }
    )
    assert fork is not None
    assert (fork.turn, fork.role) == (1, "user")
    assert fork.separates_at == 2


def test_a_repeat_that_ended_early_parts_where_the_others_go_on() -> None:
    fork = find_fork({1: repeat(False, "hi"), 2: repeat(True, "hi", "hello")})
    assert fork is not None
    assert [branch.text for branch in fork.branches] == [None, "hello"]


def test_spelling_of_white_space_and_of_accents_is_no_parting() -> None:
    assert (
        find_fork({1: repeat(True, "nước  ạ"), 2: repeat(False, "nu\u031bo\u031b\u0301c ạ")})
        is None
    )


def test_the_same_words_judged_differently_have_no_parting() -> None:
    assert find_fork({1: repeat(True, "a", "b"), 2: repeat(False, "a", "b")}) is None
    assert find_fork({}) is None

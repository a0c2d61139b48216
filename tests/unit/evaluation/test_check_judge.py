import pytest

from evaluation.check_judge import JudgeCheck, check_judge, collect_questions
from evaluation.clean_talks import make_clean_talks
from evaluation.criteria import Criterion
from evaluation.flaws import FLAWS
from tests.unit.evaluation.talks import check

CLEAN = make_clean_talks(8, 8)
CHECKS = [
    check(no_repeats="bot"),
    check(no_leftovers="bot"),
    check(bot_language={"vi": 0.5}, where="every"),
    check(words_a_reply={"at_most": 90}),
]
NAIVE = check(bot_says={"re": r"\.$"}, where="every", id="ends_with_a_stop")


@pytest.fixture(scope="module")
def found() -> JudgeCheck:
    import asyncio

    return asyncio.run(check_judge(CLEAN, [*CHECKS, NAIVE]))


def test_each_kind_has_a_recall_and_a_right_place_rate(found: JudgeCheck) -> None:
    assert [flaw.kind for flaw in found.flaws] == list(FLAWS)
    assert all(flaw.checks.planted == len(CLEAN) for flaw in found.flaws)
    assert all(flaw.judge is None for flaw in found.flaws)


@pytest.mark.parametrize(
    "kind",
    ["repeated_reply", "wrong_language", "empty", "leaked_template", "leaked_json", "stack_trace"],
)
def test_checks_find_what_code_can_tell_in_the_right_place(found: JudgeCheck, kind: str) -> None:
    recall = next(flaw.checks for flaw in found.flaws if flaw.kind == kind)
    assert recall.found == recall.right_place == len(CLEAN)
    assert recall.low > 0.6
    assert recall.high == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["wrong_praise", "contradiction", "forgotten_fact"])
def test_checks_do_not_find_what_only_a_reader_can_tell(found: JudgeCheck, kind: str) -> None:
    recall = next(flaw.checks for flaw in found.flaws if flaw.kind == kind)
    assert recall.found == 0
    assert recall.high > 0.2


def test_a_naive_check_cries_wolf_and_finds_nothing_by_it(found: JudgeCheck) -> None:
    alarms = {one.id: one for one in found.false_alarms}
    assert alarms["ends_with_a_stop"].failed == len(CLEAN)
    assert alarms["no_repeats"].failed == 0
    assert all("ends_with_a_stop" not in flaw.found_by for flaw in found.flaws)


async def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    await check_judge(CLEAN[:2], CHECKS, kinds=["cut"], progress=lambda *at: told.append(at))
    assert told == [(n, 4) for n in (1, 2, 3, 4)]


async def test_without_a_clean_transcript_nothing_can_be_said() -> None:
    with pytest.raises(ValueError, match="no clean transcript"):
        await check_judge([], CHECKS)


def test_the_questions_of_a_suite_are_asked_once_each() -> None:
    kind = Criterion(id="kind", ask="Is it kind?")
    checks, criteria = collect_questions(
        {
            "one": ([check(no_repeats="bot"), check(bot_says="a")], [kind]),
            "two": ([check(no_repeats="bot", id="again"), check(bot_says="b")], [kind]),
        }
    )
    assert [one.id for one in checks] == ["no_repeats", "one:bot_says", "two:bot_says"]
    assert criteria == [kind]

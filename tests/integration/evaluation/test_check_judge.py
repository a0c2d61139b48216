"""Planted flaws against a judge at a real server."""

from collections.abc import Callable

from evaluation.check_judge import check_judge
from evaluation.clean_talks import make_clean_talks
from evaluation.criteria import Criterion
from evaluation.judge.judge import Judge
from tests.unit.evaluation.talks import check

KIND = Criterion(id="kind", ask="Is the bot kind?")
CLEAN = make_clean_talks(3, 6)


async def test_the_judge_has_a_recall_of_its_own(make_judge: Callable[..., Judge]) -> None:
    found = await check_judge(
        CLEAN,
        [check(no_leftovers="bot")],
        [KIND],
        make_judge(),
        kinds=["rudeness", "leaked_json", "cut"],
    )
    rude, leaked, cut = found.flaws
    assert rude.judge is not None
    assert rude.judge.found >= 1  # its list of rude words is short
    assert rude.judge.right_place == rude.judge.found
    assert rude.checks.found == 0
    assert (leaked.checks.found, leaked.judge and leaked.judge.found) == (3, 0)
    assert cut.both.found == 0
    assert [one.failed for one in found.false_alarms] == [0, 0]
    assert found.unjudged == 0
    assert found.spending is not None
    assert found.spending.cost_usd is not None


async def test_a_judge_that_is_not_believed_finds_nothing_and_that_is_said(
    make_judge: Callable[..., Judge],
) -> None:
    found = await check_judge(CLEAN, [], [KIND], make_judge("yes"), kinds=["rudeness"])
    assert found.flaws[0].both.found == 0
    assert found.unjudged == 6
    assert "canary" in found.canary

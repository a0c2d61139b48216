"""Each figure as a sentence that a person reads, in both languages."""

import pytest

from evaluation.figures import sentences
from evaluation.figures.comparison import Pair, compare_pairs
from evaluation.figures.gate import decide_rate, decide_shares
from evaluation.figures.rates import CellCount, estimate_rate


def gate(passed: int, failed: int, open: int = 0) -> sentences.BilingualText:
    cells = [CellCount("s", passed, failed, open)]
    return sentences.describe_gate(decide_rate(cells, 0.9), 0.9, 0.1, open)


def test_a_rate_is_said_with_its_counts_and_its_interval() -> None:
    said = sentences.describe_rate(estimate_rate([CellCount("s", 18, 2)]), 18, 20)
    assert said.en == (
        "18 of 20 trials passed. The rate is 90 %; with these trials anything from 70 % to 97 % is "
        "plausible."
    )
    assert "90%; với số lượt chạy này, giá trị thật có thể nằm trong khoảng 70% đến 97%" in said.vi
    assert sentences.describe_rate(None, 0, 0).en == "Nothing was judged."


@pytest.mark.parametrize(
    ("said", "en", "vi"),
    [
        (gate(20, 0), "Met: 100 %, at least 90 % asked for, and surely at least 80 %.", "Đạt"),
        (gate(5, 0), "Undecided: 100 % is enough, but it may be as low as 65 %", "thêm khoảng 6"),
        (gate(20, 0, 5), "Undecided: 100 % so far, 90 % asked for; 5 trials", "còn 5 lượt"),
        (gate(17, 3), "Not met: 85 %, below the 90 % asked for (though up to", "Không đạt"),
        (gate(2, 18), "Not met: 10 %, below the 90 % asked for (surely at most", "chắc chắn"),
        (gate(0, 0), "Undecided: nothing was judged.", "Chưa kết luận"),
    ],
)
def test_the_gate_says_why(said: sentences.BilingualText, en: str, vi: str) -> None:
    assert said.en.startswith(en)
    assert vi in said.vi


def test_decided_cells_are_said_to_be_no_estimate() -> None:
    assert "a decision, not an estimate" in sentences.describe_decisions(3, 1, 1).en
    assert "1 undecided" in sentences.describe_decisions(3, 1, 1).en
    assert "undecided" not in sentences.describe_decisions(3, 1, 0).en
    share = sentences.describe_cells_gate(decide_shares(3, 1, 0, 0.9), 0.9)
    assert share.en == "Not met: 75 % of the cells accepted, 90 % asked for."


def test_a_difference_beyond_chance_says_its_direction_and_interval() -> None:
    pairs = [Pair(f"s{n}", "", 5, 5, 2 - n % 2, 5) for n in range(12)]
    said = sentences.describe_difference(compare_pairs(pairs), "v1", 12, 5)
    assert said.en.startswith("It passes 70 points less often than v1 (95 % interval −")
    assert said.vi.startswith("Tỷ lệ đạt thấp hơn 70 điểm phần trăm so với v1")


def test_a_difference_that_may_be_chance_says_what_would_have_been_seen() -> None:
    passed = [(5, 4), (4, 5), (5, 5), (3, 4), (4, 4), (5, 3), (4, 4), (5, 5), (4, 3), (5, 5)]
    pairs = [Pair(f"s{n}", "", base, 5, head, 5) for n, (base, head) in enumerate(passed)]
    said = sentences.describe_difference(compare_pairs(pairs), "v1", 10, 5)
    assert said.en == (
        "The difference of −4 points to v1 may be chance: with these 10 × 5 trials you would see a "
        "drop of 0.2 in 6 runs of 10."
    )
    uneven = sentences.describe_difference(compare_pairs(pairs), "v1", 10, 4.8)
    assert "with these 48 trials" in uneven.en


def test_nearly_all_is_never_rounded_to_all() -> None:
    assert sentences.percent(0.999) == "99.9 %"
    assert sentences.percent(0.0004) == "0.1 %"
    assert sentences.percent(1) == "100 %"


def test_an_uncalibrated_judge_and_a_broken_experiment_are_said_plainly() -> None:
    assert "nobody has labelled" in sentences.describe_agreement(None, 0.6).en
    assert "kappa 0.41, 0.6 asked for" in sentences.describe_agreement(0.41, 0.6).en
    assert "kappa 0,41, yêu cầu 0,6" in sentences.describe_agreement(0.41, 0.6).vi
    assert sentences.describe_broken(3, 20, 0).en.startswith(
        "Invalid: 3 of 20 trials broke, at most 0 %"
    )

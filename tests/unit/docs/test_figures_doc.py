"""docs/figures.md has the numbers that the code gives."""

import re

from evaluation.figures.gate import decide_rate
from evaluation.figures.rates import CellCount, pass_power, wilson_interval
from evaluation.figures.sequential import SequentialTest, fixed_passes
from tests.servers.process import ROOT

TEXT = (ROOT / "docs" / "figures.md").read_text("utf-8")


def rows(pattern: str) -> list[tuple[str, ...]]:
    found = [match.groups() for match in re.finditer(pattern, TEXT, re.MULTILINE)]
    assert found
    return found


def whole(share: float) -> str:
    return f"{100 * share:.0f}"


def test_intervals_are_wilsons() -> None:
    for passed, of, low, high in rows(r"^\| (\d+) of (\d+) \| (\d+) % to (\d+) % \|"):
        interval = wilson_interval(int(passed) / int(of), int(of))
        assert [whole(end) for end in interval] == [low, high]


def test_answers_of_the_gate_are_true() -> None:
    for passed, of, answer, _, more in rows(
        r"^\| (\d+) of (\d+) \| (met|not met|undecided)(, (\d+) more)? \|"
    ):
        found = decide_rate([CellCount("s", int(passed), int(of) - int(passed))], 0.9)
        assert found.answer == answer.replace(" ", "_")
        assert str(found.more_trials or "") == (more or "")


def test_what_fixed_repeats_let_through_is_true() -> None:
    for rate, *found in rows(r"^\| (\d+) % \| (\d+) % \| (\d+) % \| (\d+) % \|$"):
        expected = [whole(fixed_passes(int(rate) / 100, n, 0.8)) for n in (1, 5, 20)]
        assert found == expected


def test_the_sequential_test_does_what_the_table_says() -> None:
    for rate, *found in rows(
        r"^\| (\d+) % \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) \|$"
    ):
        prospect = SequentialTest().foresee(int(rate) / 100)
        shares = [f"{100 * share:.1f}" for share in prospect[:3]]
        assert found == [*shares, f"{prospect.mean_trials:.1f}"]


def test_pass_power_of_a_90_percent_bot() -> None:
    assert whole(0.9**5) == "59"
    assert pass_power(9, 10, 5) == 0.5
    assert "five conversations in a row without a fault in 59 %" in TEXT

from pathlib import Path

import pytest

from evaluation.prices import add_spendings, read_prices
from evaluation.verdicts import Spending

MINE = """prices:
  - {model: local, input: 0, output: 0, date: 2026-01-01, source: our own machine}
  - {model: gpt-4.1, input: 1, output: 2, date: 2026-01-01, source: our contract}
"""


def test_cached_input_costs_less(tmp_path: Path) -> None:
    spent = read_prices(tmp_path / "none.yaml").spend("gpt-4.1", 1_000_000, 100_000, 400_000)
    assert spent.cost_usd == pytest.approx(0.6 * 2.00 + 0.4 * 0.50 + 0.1 * 8.00)


def test_an_unknown_price_is_said_and_not_guessed(tmp_path: Path) -> None:
    prices = read_prices(tmp_path / "none.yaml")
    assert prices.spend("gpt-9000", 10, 10).cost_usd is None
    assert prices.unknown(["gpt-9000", "gpt-4.1", "gpt-9000"]) == ["gpt-9000"]


def test_your_prices_win(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(MINE, "utf-8")
    prices = read_prices(path)
    assert prices.spend("gpt-4.1", 1_000_000, 1_000_000, 500_000).cost_usd == pytest.approx(3)
    assert prices.spend("local", 10, 10).cost_usd == 0
    assert prices.find("gpt-4o") is not None


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    known, unknown = Spending(input_tokens=5, cost_usd=1.0), Spending(output_tokens=7)
    assert add_spendings([known, known]).cost_usd == 2.0
    assert add_spendings([known, unknown]) == Spending(input_tokens=5, output_tokens=7)
    assert add_spendings([]).cost_usd == 0

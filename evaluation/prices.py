"""`prices.yaml`: what models cost. An unknown price is said, never guessed."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.files import load
from core.message import Usage
from evaluation.verdicts import Record, Spending

BUILT_IN = Path(__file__).with_name("prices.yaml")
Usd = Annotated[float, Field(ge=0)]


class Price(Record):
    """US dollars per million tokens. `cached` is for input that the provider had in its cache."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    input: Usd
    output: Usd
    cached: Usd | None = Field(None, description="Without it cached input costs as input.")
    date: date
    source: Annotated[str, Field(min_length=1)]


class PricesFile(Record):
    """The file `prices.yaml`."""

    prices: list[Price]


class Prices:
    """The prices that are known, by model; of two for one model the later one counts."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._by_model = {price.model: price for price in prices}

    def find(self, model: str) -> Price | None:
        return self._by_model.get(model)

    def unknown(self, models: Iterable[str]) -> list[str]:
        """Those of the models whose price is not known."""
        return sorted({model for model in models if model not in self._by_model})

    def spend(
        self, model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0
    ) -> Spending:
        """What these tokens cost; `cached_tokens` are part of the input."""
        return Spending(
            input_tokens=input_tokens,
            cached_tokens=cached_tokens,
            output_tokens=output_tokens,
            cost_usd=self._cost(model, input_tokens, output_tokens, cached_tokens),
        )

    def spend_usage(self, model: str, usage: Usage | None) -> Spending:
        """What a message of the conversation cost, by the tokens that its model counted."""
        counted = usage or {}
        return self.spend(model, counted.get("input_tokens", 0), counted.get("output_tokens", 0))

    def _cost(self, model: str, fresh: int, output: int, cached: int) -> float | None:
        price = self.find(model)
        if price is None:
            return None if fresh or output else 0.0
        cheap = price.input if price.cached is None else price.cached
        tokens = (fresh - cached) * price.input + cached * cheap + output * price.output
        return tokens / 1_000_000


def read_prices(path: Path) -> Prices:
    """The prices that ship with Duologue and those in `path`, which win. Raises `ConfigError`."""
    files = [BUILT_IN, path] if path.is_file() else [BUILT_IN]
    return Prices(price for file in files for price in load(file, PricesFile).prices)


def add_spendings(spendings: Iterable[Spending]) -> Spending:
    """The sum; its cost is None where one of them is unknown."""
    parts = list(spendings)
    costs = [part.cost_usd for part in parts]
    return Spending(
        input_tokens=sum(part.input_tokens for part in parts),
        cached_tokens=sum(part.cached_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )
